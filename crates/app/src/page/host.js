// This host and its daemon: what is used, what does not work, what was counted.

import { ago, count, whole } from "./words.js";
import { byId, element, terms } from "./dom.js";
import { sentence } from "./dialog.js";

let drawnFor = "";

/** Shows the newest status. */
export function showHost(self, status) {
  const place = byId("host-parts");
  if (!status || !self) {
    if (!place.firstChild) place.append(element("p", { class: "empty", text: "Asking …" }));
    return;
  }
  const key = JSON.stringify(status);
  // What is open or selected stays so while nothing changes.
  if (key === drawnFor) return;
  drawnFor = key;
  const now = Date.now();
  const parts = [
    health(status),
    concerns(status),
    card("Who it is", identity(self, status, now)),
    card("Interfaces", interfaces(status, now)),
    card("Trust", trusted(status.trust)),
    card("Datagrams since the start", datagrams(status.datagrams)),
    card("Store", store(status.store)),
  ];
  place.replaceChildren(...parts.filter(Boolean));
}

function card(title, content) {
  return element("section", { class: "card" }, element("h3", { text: title }), content);
}

function health({ degraded }) {
  if (degraded.length === 0) return element("p", { class: "notice inner", dataset: { tone: "good" } }, element("strong", { text: "Everything works." }));
  return notice(degraded.length === 1 ? "This does not work:" : `These ${degraded.length} things do not work:`, degraded);
}

/** What is wrong with other hosts, which the daemon of this one is no less well for. */
function concerns({ concerns: sentences = [] }) {
  return sentences.length > 0 && notice("Of other hosts, this needs a look:", sentences);
}

function notice(title, sentences) {
  const list = element("ul", {}, ...sentences.map((text) => element("li", { text: sentence(text) })));
  return element("div", { class: "notice inner", dataset: { tone: "warn" } }, element("strong", { text: title }), list);
}

function identity(self, status, now) {
  const facts = Object.entries(self.facts).map(([name, fact]) => [name.replaceAll("_", " ").replace(/^./, (letter) => letter.toUpperCase()), fact]);
  const known = new Set(facts.map(([name]) => name));
  return terms([
    ["Name", status.name],
    ["Addresses", self.addresses.join(", ") || "none yet"],
    ["Ports of the console", `${self.https_port} HTTPS, ${self.http_port} HTTP`],
    ["Running", `since ${whole(status.started)} (${ago(status.started, now)})`],
    ...(known.has("Version") ? [] : [["Version", status.version]]),
    ...facts,
    ["The API listens on", mono(status.api.join("\n"))],
    ["State directory", mono(status.state_dir)],
    ["Id", mono(status.id)],
  ]);
}

const mono = (text) => element("span", { class: "mono break", text });

function interfaces({ links, interfaces: all }, now) {
  const heads = ["Interface", "Used", "Address", "Heard itself", "Loss"];
  const used = links.map((link) => {
    const heard = link.heard_self ? ago(link.heard_self, now) : "never";
    const state = link.isolated ? ["warn", "yes, but nobody is heard"] : link.heard_self ? ["good", "yes"] : ["warn", "yes, but does not hear itself"];
    const loss = typeof link.loss === "number" ? (link.loss > 0 && link.loss < 0.0095 ? "< 1 %" : `${Math.round(link.loss * 100)} %`) : "–";
    return row(link.name, state, [link.address ?? "none", heard, loss]);
  });
  const names = new Set(links.map((link) => link.name));
  const others = all.filter((one) => !names.has(one.name)).sort((one, other) => one.name.localeCompare(other.name, "en", { numeric: true }));
  const unused = others.map((one) => row(one.name, ["idle", one.used ? "soon" : `no: ${one.why}`], []));
  return element("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Interfaces" }, element("table", { class: "plain" }, element("thead", {}, element("tr", {}, ...heads.map((text) => element("th", { scope: "col", text })))), element("tbody", {}, ...used, ...unused)));
}

function row(name, [tone, word], cells) {
  const state = element("span", { class: "state", dataset: { tone } }, element("span", { class: "dot", "aria-hidden": "true" }), element("span", { text: word }));
  const whole = cells.length === 0 ? { colspan: 4 } : {};
  return element("tr", {}, element("th", { scope: "row", class: "mono", text: name }), element("td", whole, state), ...cells.map((text) => element("td", { class: "number", text })));
}

function trusted(trust) {
  const modes = Object.entries(trust.would_vanish).map(([mode, names]) => [`In the mode ${mode}`, names.length === 0 ? "nobody would be left out" : `${count(names.length, "peer")} would be left out: ${some(names)}`]);
  return terms([
    ["Mode", trust.mode],
    ["Local rows", tally(trust.peers)],
    ["Group keys", trust.group_keys.length === 0 ? "none" : mono(trust.group_keys.map((id, index) => (index === 0 ? `${id} (in use)` : id)).join("\n"))],
    ...modes,
    ["Not kept yet", Object.values(trust.unproven).some(Boolean) ? tally(trust.unproven) : ""],
  ]);
}

function some(names) {
  return names.length > 8 ? `${names.slice(0, 8).join(", ")} and ${names.length - 8} more` : names.join(", ");
}

function datagrams(counters) {
  const unlessNone = (number) => (number > 0 ? number.toLocaleString("en") : "");
  return terms([
    ["Received", tally(counters.received)],
    ["Sent", `${tally(counters.sent)}, ${bytes(counters.sent_bytes)}`],
    ["Dropped, by cause", Object.values(counters.dropped).some(Boolean) ? tally(counters.dropped) : "none"],
    ["Signatures verified", unlessNone(counters.verified)],
    ["Own ones heard back", unlessNone(counters.own)],
    ["Dropped by the kernel", unlessNone(counters.kernel_dropped)],
    ["Skipped, host too slow", unlessNone(counters.skipped)],
    ["Could not be sent", unlessNone(counters.send_errors)],
    ["Port unreachable", unlessNone(counters.unreachable)],
  ]);
}

function store({ pending, commits, failed_commits: failed, database_bytes: size }) {
  return terms([
    ["Database", bytes(size)],
    ["Commits", commits.toLocaleString("en")],
    ["Failed commits", failed.toLocaleString("en")],
    ["Waiting to be written", pending.toLocaleString("en")],
  ]);
}

function tally(counts) {
  const entries = Object.entries(counts).filter(([, number]) => number > 0);
  const sum = entries.reduce((all, [, number]) => all + number, 0);
  return entries.length === 0 ? "0" : `${sum.toLocaleString("en")} (${entries.map(([name, number]) => `${number.toLocaleString("en")} ${name.replaceAll("_", " ")}`).join(", ")})`;
}

function bytes(number) {
  const units = ["bytes", "KiB", "MiB", "GiB"];
  let unit = 0;
  let value = number;
  while (value >= 10 * 1024 && unit + 1 < units.length) {
    value = Math.floor(value / 1024);
    unit += 1;
  }
  return `${value.toLocaleString("en")} ${units[unit]}`;
}
