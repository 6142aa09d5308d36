// One peer with all that is known of it, over the view that it was opened from.

import { ago, certificate, clock, day, happened, milliseconds, plain, span, trust, whole } from "./words.js";
import { askIfKnown, peerPath, Refusal } from "./api.js";
import { availabilityStrip, availabilityWords, sparkline } from "./strip.js";
import { byId, element, terms } from "./dom.js";
import { condition, peers, samplesOf } from "./peers.js";
import { consoleLink } from "./console.js";
import { sentence } from "./dialog.js";
import { certificateSection } from "./certificate.js";
import { remove, trust as giveName, trustCertificate } from "./changes.js";

/** Entries of the history that are shown. */
const HISTORY = 100;

let open = null;
/** The name of the peer that is shown, also after it is gone. */
let called = "";
let behind = () => "peers";
let asking = 0;
let later = null;

/** `view()` tells which view it lies over. */
export function prepare(view) {
  behind = view;
  byId("detail").addEventListener("close", () => {
    open = null;
    // The way back does not lead here again.
    if (location.hash.startsWith("#peer=")) history.replaceState(null, "", `#${behind()}`);
  });
}

/** Shows the peer with this id. */
export async function showDetail(id) {
  open = id;
  called = peers.get(id)?.name ?? "A peer";
  const dialog = byId("detail");
  dialog.replaceChildren(top(null), element("p", { class: "muted", text: "Asking …" }));
  if (!dialog.open) dialog.showModal();
  await read(id);
}

/** The peer that is shown changed. */
export function renewDetail(id) {
  if (id !== open) return;
  clearTimeout(later);
  later = setTimeout(() => open === id && read(id), 400);
}

/** Closes it, where the address says that it is not shown any more. */
export function closeDetail() {
  if (byId("detail").open) byId("detail").close();
}

async function read(id) {
  const own = (asking += 1);
  let parts;
  try {
    const query = `peer=${encodeURIComponent(id)}`;
    const [told, past, month, history] = await Promise.all([
      askIfKnown(peerPath(id)),
      askIfKnown(`/v1/availability?window=24h&${query}`).catch(() => null),
      askIfKnown(`/v1/availability?window=30d&${query}`).catch(() => null),
      askIfKnown(`/v1/history?${query}&limit=${HISTORY}`).catch(() => null),
    ]);
    called = told?.name ?? called;
    parts = told ? page(told, [past, month], history ?? told.history) : gone();
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    parts = [top(null), element("p", { class: "error", text: sentence(refusal.message) })];
  }
  if (own !== asking || open !== id) return;
  const dialog = byId("detail");
  const [scrolled, focused, isInside] = [dialog.scrollTop, document.activeElement?.dataset.keep, dialog.contains(document.activeElement)];
  dialog.replaceChildren(...parts);
  dialog.scrollTop = scrolled;
  if (isInside) dialog.querySelector(`[data-keep="${CSS.escape(focused ?? "close")}"]`)?.focus({ preventScroll: true });
}

function gone() {
  return [top(null), element("p", { class: "empty", text: "This peer is not on the list any more." })];
}

function top(state) {
  const close = element("button", { type: "button", class: "quiet round", "data-close": true, "data-keep": "close", "aria-label": "Close", text: "✕" });
  const heading = element("h2", { id: "detail-name", text: called });
  const pill = state && element("p", { class: "state big", dataset: { tone: state.tone } }, element("span", { class: "dot", "aria-hidden": "true" }), element("span", { text: state.why ? `${state.word} · ${state.why}` : state.word }));
  return element("header", { class: "sheet-top" }, element("div", {}, heading, pill), close);
}

function page(peer, strips, history) {
  const now = Date.now();
  const state = condition(peer);
  const proof = section("Certificate", certificateSection(peer, () => read(peer.id)));
  // What is wrong comes first.
  const isChanged = peer.certificate_state === "changed";
  return [
    top(state),
    element("div", { class: "buttons start" }, consoleLink(peer, "Open console", { class: "button primary", "data-keep": "console" }), ...actions(peer, state)),
    ...warnings(peer),
    isChanged && proof,
    section("Availability", availability(strips)),
    section("Latency", latency(peer)),
    section("What is known", known(peer, now)),
    section("Addresses", addresses(peer, now)),
    !isChanged && proof,
    section("History", timeline(history)),
  ].filter(Boolean);
}

function section(title, content) {
  return content && element("section", {}, element("h3", { text: title }), content);
}

function actions(peer, state) {
  const button = (text, action, kind) => element("button", { type: "button", class: kind, "data-keep": text, on: { click: action } }, text);
  const buttons = [];
  if (peer.trust === "conflict" && !peer.id.includes("@")) buttons.push(button("Trust …", () => giveName(peer)));
  if (peer.origin === "remote" && peer.certificate_state === "changed") buttons.push(button("Trust the new certificate …", () => trustCertificate(peer)));
  if (peer.origin === "remote") buttons.push(button("Remove …", () => remove(peer), "danger"));
  else if (peer.state === "down") buttons.push(button("Forget …", () => remove(peer), "danger"));
  return state ? buttons : [];
}

function warnings(peer) {
  const { planned } = peer;
  const texts = [
    peer.conflict && ["bad", `Conflict: ${sentence(peer.conflict)}`],
    peer.certificate_state === "changed" && ["bad", certificate(peer)],
    peer.reach === "hears_us_not" && ["warn", "It is heard, but does not answer: it seems not to hear this host. Look at its firewall and at its cable."],
    peer.reach === "not_heard" && ["warn", "Others hear it, this host does not. Look at this host’s firewall and at what lies between the two."],
    peer.failure && ["warn", `The newest check failed: ${sentence(peer.failure)}`],
    planned && [planned.overdue ? "bad" : "planned", `${planned.overdue ? "It should be back since" : "Planned absence until"} ${whole(planned.until)}${planned.reason ? `: ${planned.reason}` : ""}.`],
  ];
  return texts.filter(Boolean).map(([tone, text]) => element("p", { class: "notice inner", dataset: { tone }, text }));
}

function availability(answers) {
  const rows = answers.flatMap((answer, index) => {
    const entry = answer?.peers?.[0];
    if (!entry) return [];
    const title = ["Last 24 h", "Last 30 d"][index];
    const ends = element("div", { class: "ends muted" }, element("span", { text: index === 0 ? "24 h ago" : "30 d ago" }), element("span", { text: "now" }));
    return [element("div", { class: "strip-row" }, element("div", { class: "strip-head" }, element("span", { text: title }), element("span", { class: "number", text: availabilityWords(entry) })), availabilityStrip(entry, title), ends)];
  });
  if (rows.length === 0) return null;
  const key = [["up", "up"], ["part", "partly"], ["down", "down"], ["leave", "planned"], ["none", "not known"]];
  const legend = key.map(([kind, word]) => element("span", {}, element("span", { class: `key key-${kind}`, "aria-hidden": "true" }), word));
  return element("div", {}, ...rows, element("p", { class: "legend muted" }, ...legend));
}

function latency(peer) {
  const samples = samplesOf(peer.id);
  const line = sparkline(samples, { width: 320, height: 44 });
  if (typeof peer.rtt_ms !== "number" && !line) return null;
  const words = line ? `${milliseconds(samples.at(-1))} now; ${milliseconds(Math.min(...samples))} to ${milliseconds(Math.max(...samples))} since this page was opened` : milliseconds(peer.rtt_ms);
  return element("div", { class: "latency" }, line, element("p", { class: "number", text: words }));
}

function known(peer, now) {
  const [trusted, meaning] = trust(peer);
  const dated = (time) => (time ? `${whole(time)} (${ago(time, now)})` : "not yet");
  const labels = { server_root: "Path of the console", architecture: "Architecture", hypervisor: "Hypervisor", version: "Version" };
  return terms([
    ["Origin", peer.origin === "remote" ? "Remote: added by hand" : "Local: heard on a link of this host"],
    ["Trust", meaning ? `${trusted}: ${meaning}` : trusted],
    ["In this state for", `${span(now - Date.parse(peer.state_since))} (since ${whole(peer.state_since)})`],
    ["Last seen", dated(peer.last_seen)],
    ["First seen", dated(peer.first_seen)],
    ["Ports", peer.http_port ? `${peer.https_port} HTTPS, ${peer.http_port} HTTP` : `${peer.https_port} HTTPS`],
    ["Console", mono(peer.url || "no link while it is in conflict")],
    ...Object.entries(peer.facts).map(([name, fact]) => [Object.hasOwn(labels, name) ? labels[name] : plain(name), fact]),
    ["Id", mono(peer.id)],
  ]);
}

const mono = (text) => element("span", { class: "mono break", text });

function addresses(peer, now) {
  const heard = new Map(peer.evidence.map((evidence) => [evidence.address, evidence]));
  const all = [...new Set([...peer.addresses, ...heard.keys()])];
  if (all.length === 0) return null;
  const row = (address) => {
    const evidence = heard.get(address);
    const last = evidence ? (evidence.last_heard ? ago(evidence.last_heard, now) : "not since the start") : "–";
    return element("tr", {}, element("th", { scope: "row", class: "mono", text: address }), element("td", { text: evidence?.interface ?? "–" }), element("td", { class: "number", text: last }));
  };
  const head = element("tr", {}, ...["Address", "Heard on", "Last heard"].map((text) => element("th", { scope: "col", text })));
  return element("table", { class: "plain" }, element("thead", {}, head), element("tbody", {}, ...all.map(row)));
}

function timeline(history) {
  if (history.length === 0) return element("p", { class: "muted", text: "Nothing has been kept of it yet." });
  let shownDay = "";
  const entry = ({ time, event, cause, address }) => {
    const items = [];
    const today = day(time);
    if (today !== shownDay) items.push(element("li", { class: "day", text: today }));
    shownDay = today;
    const why = [plain(cause ?? (event === "added" ? "added" : "")), address].filter(Boolean).join(" · ");
    items.push(element("li", { dataset: { event } }, element("time", { datetime: time, class: "number", text: clock(time) }), element("span", { class: "dot", "aria-hidden": "true" }), element("span", {}, happened(event), why && element("span", { class: "muted", text: ` ${why}` }))));
    return items;
  };
  return element("ol", { class: "timeline" }, ...history.flatMap(entry));
}
