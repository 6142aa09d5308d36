// The picture of who hears whom: a ring of a few hosts, a field of many.

import { byId, drawn, element } from "./dom.js";
import { askIfKnown } from "./api.js";
import { count } from "./words.js";
import { isThere, network, pairsOf } from "./matrix.js";

/** Up to so many hosts a ring is drawn, in which every link can be followed. */
const RING = 24;
/** Sentences about links that are told at most. */
const SENTENCES = 50;
/** Between two questions, in milliseconds. */
const PAUSE = 5000;

let answer = null;
let askedAt = -PAUSE;
let drawnFor = "";

/** Shows the newest that is known, and asks for newer. */
export async function showNetwork(self, peers) {
  if (!self) return;
  if (performance.now() - askedAt >= PAUSE) {
    askedAt = performance.now();
    try {
      answer = await askIfKnown("/v1/matrix");
    } catch {
      // The banner tells that the daemon does not answer; what was known stays.
    }
  }
  draw(network(answer, self, peers), self);
}

window.addEventListener("themechange", () => (drawnFor = ""));

function draw(known, self) {
  const { hosts } = known;
  const pairs = pairsOf(known);
  const key = JSON.stringify([hosts, pairs.one, pairs.none, pairs.both.length, pairs.unknown.length, getComputedStyle(document.body).colorScheme]);
  if (key === drawnFor) return;
  drawnFor = key;
  const place = byId("network-parts");
  if (hosts.length < 2) {
    place.replaceChildren(element("p", { class: "empty", text: "There is nobody to be heard yet. As soon as another host is found, this shows who hears whom." }));
    return;
  }
  const picture = hosts.length <= RING ? ring(known, pairs, self.id) : field(known);
  place.replaceChildren(verdict(pairs, known), element("div", { class: "network" }, picture, legend(known, hosts.length <= RING)), ...sentences(pairs, hosts));
}

function verdict({ both, one, none, unknown }, { isWhole }) {
  if (one.length === 0 && none.length === 0) {
    const text = unknown.length === 0 ? "Everybody hears everybody." : isWhole ? "No link is known to fail. Some hosts did not say yet whom they hear." : "This host and the others hear each other.";
    return element("p", { class: "notice inner", dataset: { tone: "good" } }, element("strong", { text }));
  }
  const parts = [one.length > 0 && `${count(one.length, "link")} ${one.length === 1 ? "works" : "work"} one way`, none.length > 0 && `${count(none.length, "pair")} of hosts ${none.length === 1 ? "does" : "do"} not hear each other`].filter(Boolean);
  return element("p", { class: "notice inner", dataset: { tone: "warn" } }, element("strong", { text: `${parts.join(", ")}.` }), ` ${count(both.length, "pair")} ${both.length === 1 ? "is" : "are"} well.`);
}

function sentences({ one, none }, hosts) {
  const told = [
    ...one.map(([hearer, other]) => `${hosts[hearer].name} hears ${hosts[other].name}, but ${hosts[other].name} does not hear ${hosts[hearer].name}.`),
    ...none.map(([a, b]) => `${hosts[a].name} and ${hosts[b].name} do not hear each other.`),
  ];
  if (told.length === 0) return [];
  const items = told.slice(0, SENTENCES).map((text) => element("li", { text }));
  if (told.length > SENTENCES) items.push(element("li", { class: "muted", text: `and ${told.length - SENTENCES} more` }));
  return [element("h3", { text: "Links that fail" }), element("ul", { class: "sentences" }, ...items)];
}

function legend({ isWhole }, isRing) {
  const entries = [["both", "hear each other"], ["one", isRing ? "one way: the arrow points at who hears" : "one way"], ["none", "do not hear each other"], ["unknown", "not known"]];
  const keys = entries.map(([kind, text]) => element("span", {}, element("span", { class: `key link-${kind}`, "aria-hidden": "true" }), text));
  const note = isWhole ? null : element("p", { class: "muted", text: "Known so far: whom this host hears, and who answers it." });
  return element("div", { class: "legend muted" }, ...keys, note);
}

const WIDTH = 760;
const HEIGHT = 540;

function ring({ hosts }, pairs, ownId) {
  const own = Math.max(0, hosts.findIndex((host) => host.id === ownId));
  const at = (index) => {
    const angle = (2 * Math.PI * ((index - own + hosts.length) % hosts.length)) / hosts.length - Math.PI / 2;
    return { x: WIDTH / 2 + 225 * Math.cos(angle), y: HEIGHT / 2 + 205 * Math.sin(angle), cos: Math.cos(angle), sin: Math.sin(angle) };
  };
  const lines = ["unknown", "both", "none", "one"].flatMap((kind) => pairs[kind].map((pair) => link(kind, pair, at)));
  const nodes = hosts.map((host, index) => node(host, at(index), host.id === ownId));
  const arrow = drawn("marker", { id: "arrow", viewBox: "0 0 10 10", refX: 9, refY: 5, markerWidth: 7, markerHeight: 7, orient: "auto-start-reverse" }, drawn("path", { class: "arrow", d: "M0 0 10 5 0 10z" }));
  return drawn("svg", { class: "ring", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "group", "aria-label": `${count(hosts.length, "host")} and the links between them` }, drawn("defs", {}, arrow), drawn("g", { "aria-hidden": "true" }, ...lines), ...nodes);
}

/** A line from who speaks to who hears, which ends before the circles do. */
function link(kind, [hearer, speaker], at) {
  const [from, to] = [at(speaker), at(hearer)];
  const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  const [dx, dy] = [((to.x - from.x) / length) * 15, ((to.y - from.y) / length) * 15];
  const end = kind === "one" ? { "marker-end": "url(#arrow)" } : {};
  const number = (value) => value.toFixed(1);
  return drawn("line", { class: `link-${kind}`, x1: number(from.x + dx), y1: number(from.y + dy), x2: number(to.x - dx), y2: number(to.y - dy), ...end });
}

function node({ id, name, state }, { x, y, cos, sin }, isOwn) {
  const isMiddle = Math.abs(cos) < 0.1;
  const anchor = isMiddle ? "middle" : cos > 0 ? "start" : "end";
  const short = name.length > 20 ? `${name.slice(0, 19)}…` : name;
  const text = drawn("text", { x: isMiddle ? x : x + Math.sign(cos) * 19, y: y + (isMiddle ? (sin > 0 ? 34 : -20) : 5 + sin * 12), "text-anchor": anchor }, isOwn ? `${short} (this host)` : short);
  const circle = drawn("circle", { cx: x, cy: y, r: 9, class: isOwn ? "node own" : "node", "data-state": state });
  const parts = [drawn("circle", { cx: x, cy: y, r: 15, class: "halo" }), circle, text];
  return isOwn ? drawn("g", {}, ...parts) : drawn("a", { href: `#peer=${encodeURIComponent(id)}`, "aria-label": `${name}: ${state}` }, ...parts);
}

/** One square for each ordered pair: the row hears the column. */
function field({ hosts, hears }) {
  const size = Math.max(1, Math.floor(900 / hosts.length));
  const canvas = element("canvas", { class: "field", width: hosts.length * size, height: hosts.length * size, role: "img", "aria-label": `${hosts.length} hosts: each row shows whom a host hears. What fails is told below in words.` });
  const brush = canvas.getContext("2d");
  const colours = Object.fromEntries(["both", "one", "none", "unknown"].map((kind) => [kind, colourOf(`square-${kind}`)]));
  const gap = size > 5 ? 1 : 0;
  for (let row = 0; row < hosts.length; row += 1) {
    for (let column = 0; column < hosts.length; column += 1) {
      if (row === column) continue;
      const areThere = isThere(hosts[row]) && isThere(hosts[column]);
      brush.fillStyle = colours[areThere ? kindOf(hears(row, column), hears(column, row)) : "unknown"];
      brush.fillRect(column * size, row * size, size - gap, size - gap);
    }
  }
  const words = element("p", { class: "muted field-words", text: "Point at a square to see which two hosts it stands for." });
  canvas.addEventListener("pointermove", (event) => {
    const box = canvas.getBoundingClientRect();
    const [column, row] = [event.clientX - box.left, event.clientY - box.top].map((offset, axis) => Math.floor((offset / (axis ? box.height : box.width)) * hosts.length));
    const [one, other] = [hosts[row]?.name, hosts[column]?.name];
    if (!one || !other || row === column) return;
    const said = { 1: "hears", 0: "does not hear", "?": "did not say whether it hears" }[hears(row, column)] ?? "does not hear";
    words.textContent = `${one} ${said} ${other}.`;
  });
  return element("div", {}, canvas, words);
}

/** The colour of text of this class, in the theme of now. */
function colourOf(name) {
  const probe = element("i", { class: name });
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

function kindOf(there, back) {
  if (there === "?") return "unknown";
  if (there === "1") return back === "0" ? "one" : "both";
  return back === "1" ? "one" : "none";
}
