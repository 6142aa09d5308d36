// The list: what is asked for in the order that is asked for, of which the rows in sight are drawn.

import { byId, element, setText, show } from "./dom.js";
import { chosen, past, peers } from "./peers.js";
import { Rows } from "./window.js";
import { grouped } from "./words.js";

/** Between two orderings of a long list while changes come in, in milliseconds. */
const PAUSE = 150;
/** After the last scrolling, in milliseconds. */
const REST = 150;
/** A list up to this long follows each change in the next picture, and all of it is drawn: the browser's own search finds it. */
const SHORT = 100;

const COLUMNS = [
  ["state", "State"],
  ["name", "Name"],
  ["address", "Address, console"],
  ["trust", "Trust"],
  ["latency", "Latency"],
  ["availability", "Last 24 h"],
  ["seen", "Last seen"],
];
const GROUPS = { local: "On this network", remote: "Added by hand" };

/** What is asked for, and how it is sorted. */
export const asked = { words: [], kind: "", origin: "", order: "name", down: false };

const groups = {};
/** The heights of a row and of a heading, in pixels; the style sheet says them, and others where there is little room. */
const sizes = { height: 0, heading: 0 };
let isPrinting = false;
let later = null;
let frame = null;
let rest = null;
/** Peers of which something new was told since the rows were put in order. */
const news = new Set();

/** Makes the head of the table, and follows what is in sight. */
export function prepare() {
  const choose = (order) => {
    asked.down = asked.order === order && !asked.down;
    asked.order = order;
    arrange();
  };
  const head = ([order, title]) => {
    const button = element("button", { type: "button", class: "sorter", on: { click: () => choose(order) } }, element("span", { text: title }));
    return element("th", { role: "columnheader", scope: "col", class: `c-${order === "availability" ? "strip" : order}`, dataset: { order } }, button);
  };
  byId("list").tHead.rows[0].append(...COLUMNS.map(head));
  byId("sort").append(...COLUMNS.map(([order, title]) => element("option", { value: order, text: title })));
  byId("sort").addEventListener("change", (event) => choose(event.target.value));
  byId("list").addEventListener("keydown", walk);
  for (const [origin, title] of Object.entries(GROUPS)) {
    const cell = element("th", { role: "rowheader", scope: "rowgroup", colspan: COLUMNS.length }, element("span", { text: title }), element("span", { class: "count" }));
    byId(`${origin}-rows`).append(element("tr", { role: "row", class: "group" }, cell));
    groups[origin] = new Rows(byId(`${origin}-rows`));
  }
  setInterval(() => document.hidden || tick(), 1000);
  window.addEventListener("scroll", drawSoon, { passive: true });
  window.addEventListener("resize", drawSoon);
  // Another width, or shown after another view.
  new ResizeObserver(() => {
    measure();
    drawSoon();
  }).observe(byId("list"));
  measure();
  for (const [event, value] of [["beforeprint", true], ["afterprint", false]]) {
    window.addEventListener(event, () => {
      isPrinting = value;
      draw();
    });
  }
}

function measure() {
  const style = getComputedStyle(byId("list"));
  for (const [name, property] of [["height", "--row"], ["heading", "--heading"]]) sizes[name] = parseFloat(style.getPropertyValue(property));
}

/** Time goes on, for the rows that are drawn. */
function tick() {
  const now = Date.now();
  for (const { drawn } of Object.values(groups)) for (const row of drawn.values()) row.tick(now);
}

/** Somebody scrolls: the next picture shows what is in sight then. */
function drawSoon() {
  frame ??= requestAnimationFrame(() => {
    frame = null;
    draw({ isAtRest: false });
  });
  drawAtRest();
}

/** A little later, unless something moves again: those around the rows in sight, and all in their order. */
function drawAtRest() {
  clearTimeout(rest);
  rest = setTimeout(draw, REST);
}

/** Draws what is in sight, and the peer with the id `wanted` wherever it is. */
function draw({ wanted = null, isFirst = false, isAtRest = !isFirst } = {}) {
  const all = Object.values(groups);
  const ranges = all.map((rows) => rows.range({ ...sizes, isWhole: isPrinting || peers.size <= SHORT, margin: isFirst ? 0 : undefined }));
  const now = Date.now();
  all.forEach((rows, index) => rows.draw(ranges[index], { ...sizes, wanted, isAtRest, now }));
}

/** The arrow keys go from name to name, whether that is drawn or not. */
function walk(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || !event.target.classList.contains("name")) return;
  const all = [...groups.local.list, ...groups.remote.list];
  const next = all[all.findIndex((peer) => event.target.hash === `#peer=${encodeURIComponent(peer.id)}`) + step];
  if (!next) return;
  event.preventDefault();
  draw({ wanted: next.id });
  rowOf(next.id)?.parts.name.focus();
}

const rowOf = (id) => groups.local.drawn.get(id) ?? groups.remote.drawn.get(id);

/** Shows when the peers were there, in a time of this title. */
export function setAvailability(answer, title) {
  past.of = new Map((answer?.peers ?? []).map((entry) => [entry.peer, entry]));
  past.title = title;
  byId("list").classList.toggle("without-strips", !answer);
  setText(byId("list").querySelector('[data-order="availability"] span'), title);
  setText(byId("sort").querySelector('[value="availability"]'), title);
  arrange();
}

/** One peer changed, came or went: the list follows with the next picture, a long one a few times a second. */
export function renew(id, isNews) {
  if (isNews) news.add(id);
  later ??= setTimeout(() => requestAnimationFrame(arrange), peers.size > SHORT ? PAUSE : 0);
}

/** Puts what fits into its order, and draws what of it is in sight. */
export function arrange() {
  clearTimeout(later);
  later = null;
  const order = chosen(asked);
  const lists = { local: order.filter((peer) => peer.origin !== "remote"), remote: order.filter((peer) => peer.origin === "remote") };
  tellNothing(order.length);
  markOrder();
  // The head is the first row, and each group begins with a heading.
  let row = 2;
  for (const [origin, list] of Object.entries(lists)) {
    const { body } = groups[origin];
    const heading = body.firstElementChild;
    setText(heading.querySelector(".count"), grouped(list.length));
    heading.setAttribute("aria-rowindex", row);
    show(body, list.length > 0);
    groups[origin].take(list, row + 1);
    row += list.length > 0 ? list.length + 1 : 0;
  }
  byId("list").setAttribute("aria-rowcount", row - 1);
  // The fewer the first rows are, the sooner they are seen.
  const isFirst = Object.values(groups).every(({ drawn }) => drawn.size === 0);
  draw({ isFirst });
  if (isFirst) drawAtRest();
  for (const id of news) rowOf(id)?.flash();
  news.clear();
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
  show(byId("nothing"), loaded && peers.size === 0);
  show(byId("nothing-fits"), loaded && shown === 0 && peers.size > 0);
  show(byId("list"), shown > 0);
}
