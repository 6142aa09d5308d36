// What is known of the peers, and what of it a person asked for.

import { plain, span } from "./words.js";

/** Round trips kept of a peer while the page is open. */
const SAMPLES = 40;

/** All peers by id, as the daemon told them last. */
export const peers = new Map();
/** The newest round trips of each peer, oldest first. */
const roundTrips = new Map();

/** Takes over a peer's newest state. */
export function take(peer) {
  peers.set(peer.id, peer);
  if (typeof peer.rtt_ms !== "number") return;
  const samples = roundTrips.get(peer.id) ?? [];
  // A number that did not change was not measured anew.
  if (samples.at(-1) === peer.rtt_ms) return;
  samples.push(peer.rtt_ms);
  if (samples.length > SAMPLES) samples.shift();
  roundTrips.set(peer.id, samples);
}

/** Forgets a peer. */
export function drop(id) {
  peers.delete(id);
  roundTrips.delete(id);
}

/** Takes over the whole list; what is not in it is forgotten. */
export function takeAll(list) {
  const ids = new Set(list.map((peer) => peer.id));
  for (const id of [...peers.keys()]) if (!ids.has(id)) drop(id);
  list.forEach(take);
}

/** The round trips that were measured while the page was open, in milliseconds. */
export const samplesOf = (id) => roundTrips.get(id) ?? [];

const isOneWay = (peer) => peer.reach === "hears_us_not" || peer.reach === "not_heard";

/**
 * How a peer is, for people: the class it is counted in (`up`, `attention`, `down`, `away`, `unknown`), the word, the tone
 * of its colour and, where there is more to say, why.
 */
export function condition(peer) {
  if (peer.trust === "conflict") return { kind: "attention", word: "Conflict", tone: "bad", why: "another has a better claim" };
  if (peer.planned && peer.state !== "up") return planned(peer.planned);
  if (peer.state === "down") return { kind: "down", word: "Down", tone: "bad", why: plain(peer.reason) };
  if (peer.state === "suspect") return { kind: "attention", word: "In doubt", tone: "warn", why: plain(peer.reason) };
  if (peer.state === "unknown") return { kind: "unknown", word: "Not known", tone: "idle", why: plain(peer.reason) };
  if (isOneWay(peer)) return { kind: "attention", word: "Up, one way", tone: "warn", why: plain(peer.reach) };
  if (peer.certificate_state === "changed") return { kind: "attention", word: "Up", tone: "warn", why: "another certificate" };
  if (peer.planned) return { kind: "up", word: "Up", tone: "good", why: "about to leave as planned" };
  return { kind: "up", word: "Up", tone: "good", why: "" };
}

function planned({ until, reason, overdue }) {
  const late = Date.now() - Date.parse(until);
  if (overdue) return { kind: "attention", word: "Overdue", tone: "bad", why: late > 0 ? `since ${span(late)}` : reason };
  return { kind: "away", word: "Planned", tone: "planned", why: reason || "planned absence" };
}

/** The classes in the order in which they are offered, each with its word. */
export const KINDS = [
  ["up", "Up"],
  ["attention", "Attention"],
  ["away", "Planned"],
  ["down", "Down"],
  ["unknown", "Not known"],
];

/** How many peers are in each class. */
export function countKinds() {
  const counts = Object.fromEntries(KINDS.map(([kind]) => [kind, 0]));
  for (const peer of peers.values()) counts[condition(peer).kind] += 1;
  return counts;
}

/** Everything of a peer that a filter looks into, in small letters. */
function searchable(peer) {
  const { word, why } = condition(peer);
  return [peer.name, peer.id, peer.origin, peer.trust, word, why, ...peer.addresses, ...Object.values(peer.facts)].join("\n").toLowerCase();
}

/** Whether a peer is what was asked for: all words, each anywhere, and the class and origin. */
export function fits(peer, { words, kind, origin }) {
  if (origin && peer.origin !== origin) return false;
  if (kind && condition(peer).kind !== kind) return false;
  if (words.length === 0) return true;
  const text = searchable(peer);
  return words.every((word) => text.includes(word));
}

const natural = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
const SEVERITY = { bad: 0, warn: 1, idle: 2, planned: 3, good: 4 };

/** A number for each address, so that 10.0.0.9 comes before 10.0.0.10; text where it is none of version 4. */
const addressOf = (peer) => peer.addresses[0] ?? "";

const byName = (one, other) => natural.compare(one.name, other.name) || natural.compare(one.id, other.id);
const byNumber = (value) => (one, other) => (value(one) ?? Infinity) - (value(other) ?? Infinity) || 0;

/** What a list can be sorted by: the comparison of two peers, given what else is known. */
export const ORDERS = {
  state: () => (one, other) => SEVERITY[condition(one).tone] - SEVERITY[condition(other).tone],
  name: () => byName,
  address: () => (one, other) => natural.compare(addressOf(one), addressOf(other)),
  trust: () => (one, other) => natural.compare(one.trust, other.trust),
  latency: () => byNumber((peer) => peer.rtt_ms),
  availability: (known) => byNumber((peer) => known.get(peer.id)?.availability),
  seen: () => byNumber((peer) => (peer.last_seen ? -Date.parse(peer.last_seen) : null)),
};

/** The peers in an order, turned round if `down`; equals by name. */
export function sorted(list, order, down, availability) {
  const compare = ORDERS[order](availability);
  const sign = down ? -1 : 1;
  return list.sort((one, other) => {
    const first = compare(one, other);
    // Infinity minus Infinity: both are not known.
    return (Number.isNaN(first) ? 0 : sign * first) || byName(one, other);
  });
}
