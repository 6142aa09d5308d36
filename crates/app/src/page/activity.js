// What happened to all peers, newest first: what the daemon kept, and what happens while the page is open.

import { byId, element } from "./dom.js";
import { clock, day, happened, plain } from "./words.js";
import { askIfKnown } from "./api.js";

const SHOWN = 300;

let kept = null;
let isAsking = false;
/** What happened since the page was opened, oldest first. */
const since = [];
let drawnFor = "";

/** Keeps an event of the daemon. */
export function noteEvent({ event, time, cause, peer }) {
  since.push({ event, time, cause, peer: peer.id, name: peer.name, address: peer.addresses[0] });
  if (since.length > SHOWN) since.shift();
}

/** Shows it, and asks for what was kept when it is shown for the first time. */
export async function showActivity() {
  draw();
  if (kept !== null || isAsking) return;
  isAsking = true;
  try {
    const asked = await askIfKnown(`/v1/history?limit=${SHOWN}`);
    kept = asked ?? [];
    // What is kept already is told once, in the daemon's words.
    const newest = kept[0]?.time;
    if (newest) while (since[0] && since[0].time <= newest) since.shift();
    drawnFor = "";
    draw();
  } catch {
    // It is asked again when it is shown again; the banner tells that the daemon does not answer.
  } finally {
    isAsking = false;
  }
}

function draw() {
  const entries = [...since.toReversed(), ...(kept ?? [])].slice(0, SHOWN);
  const key = `${entries.length} ${entries[0]?.time} ${kept === null}`;
  if (key === drawnFor) return;
  drawnFor = key;
  const note = element("p", { class: "empty", text: kept === null ? "Asking …" : "Nothing has happened yet. Who comes and goes is told here." });
  byId("activity-parts").replaceChildren(entries.length > 0 ? list(entries) : note);
}

function list(entries) {
  let shownDay = "";
  const items = [];
  for (const { event, time, cause, peer, name, address } of entries) {
    const today = day(time);
    if (today !== shownDay) items.push(element("li", { class: "day", text: today }));
    shownDay = today;
    const why = [plain(cause), address].filter(Boolean).join(" · ");
    const link = element("a", { class: "name", href: `#peer=${encodeURIComponent(peer)}`, text: name });
    items.push(element("li", { dataset: { event } }, element("time", { datetime: time, class: "number", text: clock(time) }), element("span", { class: "dot", "aria-hidden": "true" }), element("span", {}, link, ` ${happened(event)}`, why && element("span", { class: "muted", text: ` ${why}` }))));
  }
  return element("ol", { class: "timeline wide" }, ...items);
}
