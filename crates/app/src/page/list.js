// The list: one row for each peer, changed in place as things happen.

import { availabilityWords, availabilityStrip, sparkline } from "./strip.js";
import { byId, consoleLink, element, setText, show } from "./dom.js";
import { ago, milliseconds, span, trust } from "./words.js";
import { condition, fits, peers, samplesOf, sorted } from "./peers.js";

/** Rows made before the first painting, and in each turn after it. */
const FIRST = 40;
const SLICE = 60;
/** Between two orderings of a long list while changes come in, in milliseconds. */
const PAUSE = 150;

const COLUMNS = [
  ["state", "State"],
  ["name", "Name"],
  ["address", "Address, console"],
  ["trust", "Trust"],
  ["latency", "Latency"],
  ["availability", "Last 24 h"],
  ["seen", "Last seen"],
];

/** What is asked for, and how it is sorted. */
export const asked = { words: [], kind: "", origin: "", order: "name", down: false };

const rows = new Map();
const inSight = new Set();
let availability = new Map();
let windowWords = "Last 24 h";
let turn = 0;
let later = null;
/** Peers of which something new was told since the rows were put in order. */
const news = new Set();

const sight = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    const row = target.row;
    if (isIntersecting) {
      inSight.add(row);
      row.draw(Date.now());
    } else inSight.delete(row);
  }
});

class Row {
  constructor(peer) {
    this.node = byId("row").content.firstElementChild.cloneNode(true);
    this.node.row = this;
    this.parts = {};
    for (const part of this.node.querySelectorAll("[data-part]")) this.parts[part.dataset.part] = part;
    this.parts.name.href = `#peer=${encodeURIComponent(peer.id)}`;
    this.show(peer);
    this.tick(Date.now());
    sight.observe(this.node);
  }

  /** Takes over what changed; the moving parts are drawn while the row is in sight. */
  show(peer) {
    this.peer = peer;
    const { word, tone, why } = condition(peer);
    const [trusted, meaning] = trust(peer);
    const facts = [peer.facts.hypervisor, peer.facts.architecture, peer.facts.version].filter(Boolean).join(" · ");
    this.node.dataset.tone = tone;
    this.why = why;
    setText(this.parts.state, word);
    setText(this.parts.name, peer.name);
    setText(this.parts.origin, peer.origin === "remote" ? "Remote" : "Local");
    this.parts.origin.dataset.origin = peer.origin;
    setText(this.parts.facts, facts);
    const more = peer.addresses.length - 1;
    setText(this.parts.address, (peer.addresses[0] ?? "not known yet") + (more > 0 ? ` +${more}` : ""));
    this.parts.address.title = peer.addresses.join("\n");
    setText(this.parts.trust, trusted);
    this.parts.trust.title = meaning;
    this.parts.trust.dataset.trust = peer.origin === "remote" ? "remote" : peer.trust;
    const key = `${peer.url} ${peer.trust} ${peer.name}`;
    if (this.console !== key) {
      this.console = key;
      this.parts.console.replaceChildren(consoleLink(peer, "Console") ?? element("span", { class: "muted", text: "no link" }));
    }
    if (inSight.has(this)) this.draw(Date.now());
  }

  /** Draws what moves with time. */
  draw(now) {
    this.tick(now);
    const samples = samplesOf(this.peer.id);
    if (this.drawnSamples !== samples.at(-1)) {
      this.drawnSamples = samples.at(-1);
      const line = sparkline(samples);
      this.parts.spark.replaceChildren(...(line ? [line] : []));
    }
    setText(this.parts.latency, milliseconds(this.peer.rtt_ms));
    const entry = availability.get(this.peer.id);
    if (this.drawnStrip === entry) return;
    this.drawnStrip = entry;
    this.parts.strip.replaceChildren(...(entry ? [availabilityStrip(entry, windowWords)] : []));
    setText(this.parts.availability, entry ? availabilityWords(entry) : "");
  }

  tick(now) {
    const since = `for ${span(now - Date.parse(this.peer.state_since))}`;
    setText(this.parts.since, this.why ? `${since}: ${this.why}` : since);
    setText(this.parts.seen, ago(this.peer.last_seen, now));
  }

  flash() {
    this.node.classList.remove("flash");
    requestAnimationFrame(() => this.node.classList.add("flash"));
  }

  gone() {
    sight.unobserve(this.node);
    inSight.delete(this);
    this.node.remove();
  }
}

/** Makes the head of the table; `resort` is called when it was asked to sort in another way. */
export function prepare(resort) {
  const choose = (order) => {
    asked.down = asked.order === order && !asked.down;
    asked.order = order;
    resort();
  };
  const head = ([order, title]) => {
    const button = element("button", { type: "button", class: "sorter", on: { click: () => choose(order) } }, element("span", { text: title }));
    return element("th", { role: "columnheader", scope: "col", class: `c-${order === "availability" ? "strip" : order}`, dataset: { order } }, button);
  };
  byId("list").tHead.rows[0].append(...COLUMNS.map(head));
  byId("sort").append(...COLUMNS.map(([order, title]) => element("option", { value: order, text: title })));
  byId("sort").addEventListener("change", (event) => choose(event.target.value));
  byId("list").addEventListener("keydown", walk);
  setInterval(() => document.hidden || inSight.forEach((row) => row.tick(Date.now())), 1000);
}

/** The arrow keys go from name to name. */
function walk(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || !event.target.classList.contains("name")) return;
  const names = [...byId("list").querySelectorAll("tr:not([hidden]) .name")];
  const next = names[names.indexOf(event.target) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

/** Shows the strips of a time. */
export function setAvailability(answer, title) {
  availability = new Map((answer?.peers ?? []).map((entry) => [entry.peer, entry]));
  windowWords = title;
  byId("list").classList.toggle("without-strips", !answer);
  setText(byId("list").querySelector('[data-order="availability"] span'), title);
  setText(byId("sort").querySelector('[value="availability"]'), title);
  inSight.forEach((row) => row.draw(Date.now()));
}

/** One peer changed, came or went: its row follows at once, its place soon. */
export function renew(id, isNews) {
  const peer = peers.get(id);
  const row = rows.get(id);
  if (isNews && peer) news.add(id);
  if (peer) row?.show(peer);
  else {
    row?.gone();
    rows.delete(id);
  }
  // A thousand hosts that come together are put in order a few times, not a thousand times.
  later ??= setTimeout(arrange, peers.size > FIRST ? PAUSE : 0);
}

/** All rows follow; nothing moves that need not. */
export function renewAll() {
  for (const [id, row] of rows) {
    const peer = peers.get(id);
    if (peer) row.show(peer);
    else {
      row.gone();
      rows.delete(id);
    }
  }
  arrange();
}

/** Puts the rows that fit into their order: the first ones at once, a long rest bit by bit. */
export function arrange() {
  clearTimeout(later);
  later = null;
  const own = (turn += 1);
  const order = sorted([...peers.values()].filter((peer) => fits(peer, asked)), asked.order, asked.down, availability);
  const fitting = new Set(order.map((peer) => peer.id));
  for (const [id, row] of rows) if (!fitting.has(id)) show(row.node, false);
  const [local, remote] = [order.filter((peer) => peer.origin !== "remote"), order.filter((peer) => peer.origin === "remote")];
  const cursors = { local: heading("local", local.length), remote: heading("remote", remote.length) };
  markOrder();
  place([...local, ...remote], 0, FIRST, own, cursors);
  tellNothing(order.length);
}

/** Places some rows, and the others in later turns, unless there is a newer order by then. */
function place(list, from, number, own, cursors) {
  const focused = document.activeElement;
  const until = Math.min(list.length, from + number);
  for (const peer of list.slice(from, until)) {
    const origin = peer.origin === "remote" ? "remote" : "local";
    let row = rows.get(peer.id);
    if (!row) rows.set(peer.id, (row = new Row(peer)));
    // A row that was taken out in the meantime: a newer order is about to come.
    if (!cursors[origin].isConnected) return;
    const cursor = cursors[origin];
    const expected = next(cursor);
    if (expected !== row.node && cursor.nextElementSibling !== row.node) cursor.parentNode.insertBefore(row.node, expected);
    show(row.node, true);
    cursors[origin] = row.node;
    if (news.delete(peer.id)) row.flash();
  }
  if (document.activeElement !== focused && focused?.isConnected) focused.focus({ preventScroll: true });
  if (until < list.length) setTimeout(() => own === turn && place(list, until, SLICE, own, cursors));
}

/** The row after this one, hidden ones passed over. */
function next(node) {
  let following = node.nextElementSibling;
  while (following?.hidden) following = following.nextElementSibling;
  return following;
}

const GROUPS = { local: "On this network", remote: "Added by hand" };

/** The line above the rows of an origin, which its `tbody` begins with. */
function heading(origin, number) {
  const body = byId(`${origin}-rows`);
  if (!body.firstElementChild) {
    const cell = element("th", { role: "rowheader", scope: "rowgroup", colspan: COLUMNS.length }, element("span", { text: GROUPS[origin] }), element("span", { class: "count" }));
    body.append(element("tr", { role: "row", class: "group" }, cell));
  }
  setText(body.querySelector(".group .count"), number.toLocaleString("en"));
  show(body, number > 0);
  return body.firstElementChild;
}

function markOrder() {
  for (const head of byId("list").tHead.rows[0].cells) {
    if (head.dataset.order !== asked.order) head.removeAttribute("aria-sort");
    else head.setAttribute("aria-sort", asked.down ? "descending" : "ascending");
  }
  byId("sort").value = asked.order;
}

let loaded = false;

/** Says from when on an empty list means that there is nobody. */
export function isLoaded() {
  loaded = true;
}

/** An empty list tells what to do next. */
function tellNothing(shown) {
  const note = byId("nothing");
  show(note, loaded && shown === 0);
  show(byId("list"), shown > 0);
  if (!loaded || shown > 0) return;
  const isFiltered = peers.size > 0;
  const sentence = isFiltered
    ? ["No peer fits the filter."]
    : [
        element("strong", { text: "No other host has been heard yet." }),
        element("br"),
        "Start ",
        element("code", { text: "kimchi-peers run" }),
        " on another host of this network: it appears here by itself, within a second. A host of another network is added by hand. If you expected one, ",
        element("code", { text: "kimchi-peers status" }),
        " tells what stands in the way.",
      ];
  const key = isFiltered ? "filtered" : "empty";
  if (note.dataset.shown === key) return;
  note.dataset.shown = key;
  note.replaceChildren(...sentence);
}
