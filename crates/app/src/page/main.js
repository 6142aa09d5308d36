// The page as a whole: what is asked when, and which view is shown.

import { ask, askIfKnown, Refusal } from "./api.js";
import { announce, byId, element, setText, show } from "./dom.js";
import { clock, count, grouped, happened, plain } from "./words.js";
import { condition, countKinds, drop, KINDS, peers, take, takeAll } from "./peers.js";
import { Cancelled, isSignedIn, prepare as prepareSession, signIn, takeFromAddress, tellStateDirectory } from "./session.js";
import { noteUp, prepare as prepareChanges } from "./changes.js";
import { sentence } from "./dialog.js";
import { listen, noteAnswer, rest, tryNow } from "./live.js";
import { closeDetail, prepare as prepareDetail, renewDetail, showDetail } from "./detail.js";
import { noteEvent, showActivity } from "./activity.js";
import { showHost } from "./host.js";
import { showNetwork } from "./network.js";
import { prepareTheme } from "./switch.js";
import * as list from "./list.js";

/** Between two readings of the list and the status, in milliseconds: times of hearing change without an event. */
const REFRESH = 10_000;
/** The first times are sooner, in milliseconds: one that has the round trips measured, and one that reads them. */
const REFRESH_FIRST = [1000, 3000];
/** The same for what is drawn of the past. */
const REFRESH_PAST = 120_000;
/** After a peer came or went, which belongs to the past at once. */
const REFRESH_PAST_SOON = 3000;

const VIEWS = ["peers", "network", "activity", "host"];
const WINDOWS = [["24h", "Last 24 h"], ["30d", "Last 30 d"]];

let self = null;
let status = null;
let shownWindow = WINDOWS[0];
let view = "peers";
let awaySince = null;
let hasAskedToSignIn = false;
/** How often everything was asked for, and which of the answers is shown. */
const readings = { asked: 0, shown: 0 };
let pastSoon = null;
/** The events that came in since a list was asked for, for each list that is on its way. */
const overtaking = new Set();

/**
 * Reads everything anew. What happens while the list is on its way is newer than the list, and an answer that was asked for
 * later is newer than one that comes late. `measured` has the daemon measure the round trips for the next reading.
 */
async function reload({ measured = false } = {}) {
  const own = (readings.asked += 1);
  try {
    const meanwhile = [];
    overtaking.add(meanwhile);
    const [told] = await Promise.all([ask(measured ? "/v1/peers?measure=true" : "/v1/peers").finally(() => overtaking.delete(meanwhile)), readStatus()]);
    if (own < readings.shown) return;
    readings.shown = own;
    takeAll(told);
    meanwhile.forEach(apply);
    list.isLoaded();
    list.arrange();
    summarise();
    renewView();
    noteAnswer(true);
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    if (refusal.status === 401) gate();
    else noteAnswer(false);
  }
}

async function readStatus() {
  [self, status] = await Promise.all([self ?? ask("/v1/self"), ask("/v1/status")]);
  setText(byId("own-name"), status.name);
  document.title = `${status.name} · kimchi-peers`;
  tellStateDirectory(status.state_dir);
  const troubles = status.degraded.length;
  show(byId("degraded-count"), troubles > 0);
  setText(byId("degraded-count"), `${troubles}`);
  show(byId("degraded"), troubles > 0 && view !== "host");
  if (troubles > 0) setText(byId("degraded-words"), troubles === 1 ? sentence(status.degraded[0]) : `${sentence(status.degraded[0])} (and ${troubles - 1} more)`);
}

async function readPast() {
  clearTimeout(pastSoon);
  pastSoon = null;
  const [name, title] = shownWindow;
  const answer = await askIfKnown(`/v1/availability?window=${name}`).catch(() => null);
  show(byId("window"), answer !== null);
  list.setAvailability(answer, title);
}

/** From another host nothing is told to who is not signed in; who would rather not is asked once. */
async function gate() {
  setText(byId("summary"), "Sign in to see what this host sees.");
  rest();
  if (hasAskedToSignIn) return;
  hasAskedToSignIn = true;
  try {
    await signIn("From another host, reading needs to be signed in too.");
    begin();
  } catch (stop) {
    if (!(stop instanceof Cancelled)) throw stop;
  }
}

/** Begins anew, after somebody signed in or out. */
function begin() {
  hasAskedToSignIn = false;
  tryNow();
  readPast();
}

/** An event of the daemon. */
function change(event) {
  const peer = event.peer;
  if (!peer) return;
  const before = peers.get(peer.id);
  apply(event);
  overtaking.forEach((meanwhile) => meanwhile.push(event));
  const isNews = event.event !== "changed" || !before || condition(before).word !== condition(peer).word;
  list.renew(peer.id, isNews);
  if (event.event === "up") noteUp(peer.id);
  if (event.event === "up" || event.event === "down") pastSoon ??= setTimeout(readPast, REFRESH_PAST_SOON);
  if (isNews) announce(`${peer.name} ${happened(event.event)}${event.cause && event.event !== "up" ? `: ${plain(event.cause)}` : ""}.`);
  noteEvent(event);
  renewDetail(peer.id);
  soon();
}

function apply({ event, peer }) {
  if (event === "removed") drop(peer.id);
  else take(peer);
}

let waiting = null;

/** What is made of the whole list follows a little later, so that a storm of events costs little. */
function soon() {
  waiting ??= setTimeout(() => {
    waiting = null;
    summarise();
    renewView();
  }, 250);
}

function summarise() {
  const counts = countKinds();
  const all = peers.size;
  const others = KINDS.slice(1).filter(([kind]) => counts[kind] > 0).map(([kind, word]) => (kind === "attention" ? `${counts[kind]} ${counts[kind] === 1 ? "needs" : "need"} attention` : `${counts[kind]} ${word.toLowerCase()}`));
  const isAllUp = all > 0 && counts.up === all;
  const sentence = all === 0 ? "sees nobody else yet" : isAllUp ? `sees ${count(all, "peer")}, ${all === 1 ? "up" : "all up"}` : `sees ${count(all, "peer")}: ${[`${counts.up} up`, ...others].join(", ")}`;
  setText(byId("summary"), sentence);
  choices("by-state", [["", "All", all], ...KINDS.map(([kind, word]) => [kind, word, counts[kind]])], list.asked.kind, (kind) => (list.asked.kind = kind));
  const remote = [...peers.values()].filter((peer) => peer.origin === "remote").length;
  const origins = [["", "Everywhere", null], ["local", "Local", all - remote], ["remote", "Remote", remote]];
  choices("by-origin", origins, list.asked.origin, (origin) => (list.asked.origin = origin));
  show(byId("by-origin"), remote > 0 || list.asked.origin !== "");
  show(byId("tools"), all > 0);
}

/** A row of buttons of which one is pressed; those of nobody are left out. */
function choices(id, entries, chosen, choose) {
  const group = byId(id);
  const shown = entries.filter(([value, , number]) => value === "" || value === chosen || number === null || number > 0);
  const key = JSON.stringify([shown.map(([value]) => value)]);
  if (group.dataset.shown !== key) {
    group.dataset.shown = key;
    const button = ([value, word]) => {
      const pressed = () => {
        choose(value);
        summarise();
        list.arrange();
      };
      return element("button", { type: "button", dataset: { value }, on: { click: pressed } }, element("span", { class: "dot", "aria-hidden": "true" }), word, element("span", { class: "count" }));
    };
    group.replaceChildren(...shown.map(button));
  }
  for (const [index, [value, , number]] of shown.entries()) {
    const button = group.children[index];
    button.setAttribute("aria-pressed", String(value === chosen));
    setText(button.querySelector(".count"), number === null ? "" : grouped(number));
  }
}

function prepareTools() {
  const filter = byId("filter");
  byId("all").addEventListener("click", () => {
    Object.assign(list.asked, { words: [], kind: "", origin: "" });
    filter.value = "";
    summarise();
    list.arrange();
    filter.focus();
  });
  filter.addEventListener("input", () => {
    list.asked.words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    list.arrange();
  });
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest?.("input, select, textarea, dialog");
    if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey || view !== "peers") return;
    event.preventDefault();
    filter.focus();
  });
  const button = (entry) => element("button", { type: "button", "aria-pressed": String(entry === shownWindow), on: { click: () => choose(entry) } }, entry[0] === "24h" ? "24 h" : "30 d");
  const choose = (entry) => {
    shownWindow = entry;
    [...byId("window").children].forEach((child, index) => child.setAttribute("aria-pressed", String(WINDOWS[index] === entry)));
    readPast();
  };
  byId("window").append(...WINDOWS.map(button));
}

function connection(state) {
  byId("connection").dataset.state = state;
  setText(byId("connection-words"), { connecting: "Connecting", live: "Live", away: "No answer" }[state]);
  awaySince = state === "away" ? (awaySince ?? new Date().toISOString()) : null;
  show(byId("away"), state === "away");
  document.body.classList.toggle("stale", state === "away");
  if (state === "away") {
    setText(byId("away-words"), `What you see is as of ${clock(awaySince)}. It is tried again by itself; on the host, see: systemctl status kimchi-peers`);
    announce("The daemon does not answer.");
  }
}

/** Shows what the address says: a view, and perhaps a peer over it. */
function route() {
  const wanted = location.hash.slice(1);
  const peer = /^peer=(.+)$/.exec(wanted)?.[1];
  const before = view;
  if (VIEWS.includes(wanted)) view = wanted;
  else if (wanted === "") view = "peers";
  for (const name of VIEWS) show(byId(`view-${name}`), name === view);
  for (const link of document.querySelectorAll("nav.views a")) {
    if (link.hash === `#${view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (view !== before) window.scrollTo(0, 0);
  show(byId("degraded"), (status?.degraded.length ?? 0) > 0 && view !== "host");
  renewView();
  if (peer) showDetail(decoded(peer));
  else closeDetail();
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The view that is shown, as of now. */
function renewView() {
  if (view === "network") showNetwork(self, peers);
  else if (view === "activity") showActivity();
  else if (view === "host") showHost(self, status);
}

function start() {
  const hasSignedIn = takeFromAddress();
  prepareTheme(byId("theme"));
  prepareSession(begin);
  prepareChanges((peer) => {
    take(peer);
    list.renew(peer.id, true);
    soon();
  });
  prepareDetail(() => view);
  prepareTools();
  list.prepare();
  byId("retry").addEventListener("click", tryNow);
  window.addEventListener("hashchange", route);
  window.addEventListener("themechange", renewView);
  for (const button of document.querySelectorAll("[data-for]")) button.addEventListener("click", () => byId(button.dataset.for).click());
  route();
  listen({ change, reload, state: connection });
  // The first picture does not wait for the connection; what may have been missed until then is read once that is there.
  reload();
  readPast();
  const again = () => document.hidden || hasAskedToSignIn || reload({ measured: true });
  REFRESH_FIRST.forEach((after) => setTimeout(again, after));
  setInterval(again, REFRESH);
  setInterval(() => document.hidden || readPast(), REFRESH_PAST);
  if (hasSignedIn && isSignedIn()) announce("You are signed in.");
}

start();
