// What is known of the peers, and what of it a person asked for.

import { plain, span } from "./words.js";

/** Round trips kept of a peer while the page is open. */
const SAMPLES = 40;

/** All peers by id, as the daemon told them last. */
export const peers = new Map();
/** The newest round trips of each peer, oldest first. */
const roundTrips = new Map();
/** When the peers were there in a time that `title` names: what the daemon told of each, by id. */
export const past = { of: new Map(), title: "Last 24 h" };

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
 * of its colour and, where there is more to say, why; of an absence that is not overdue also until when.
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
  return { kind: "away", word: "Planned", tone: "planned", why: reason, until };
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

/** Everything of a peer that a filter looks into, in small letters; it is made once for each state of a peer. */
function searchable(peer) {
  let text = texts.get(peer);
  if (text === undefined) {
    const { word, why } = condition(peer);
    text = [peer.name, peer.id, peer.origin, peer.trust, word, why, ...peer.addresses, ...Object.values(peer.facts)].join("\n").toLowerCase();
    texts.set(peer, text);
  }
  return text;
}

const texts = new WeakMap();

/** Whether a peer is what was asked for: all words, each anywhere, and the class and origin. */
function fits(peer, { words, kind, origin }) {
  if (origin && peer.origin !== origin) return false;
  if (kind && condition(peer).kind !== kind) return false;
  return words.every((word) => searchable(peer).includes(word));
}

const SEVERITY = { bad: 0, warn: 1, idle: 2, planned: 3, good: 4 };
const TRUST = { conflict: 0, unsigned: 1, pinned: 2, verified: 3 };

/** A name as text that sorts as people would: kvm-9 before kvm-10, capitals as small letters. */
function nameKey(peer) {
  let key = keys.get(peer);
  if (key === undefined) {
    key = `${peer.name.toLowerCase().replace(/\d+/g, (digits) => digits.padStart(12, "0"))} ${peer.id}`;
    keys.set(peer, key);
  }
  return key;
}

const keys = new WeakMap();

/** An address as text of a fixed width, so that 10.0.0.9 comes before 10.0.0.10 and version 4 before version 6. */
function addressKey({ addresses: [first = "~"] }) {
  const parts = first.split(".");
  return parts.length === 4 ? parts.map((part) => part.padStart(3, "0")).join(".") : `x${first}`;
}

/** What a list can be sorted by: a number or text of a peer, nothing where it is not known. */
const KEYS = {
  state: (peer) => SEVERITY[condition(peer).tone],
  name: nameKey,
  address: addressKey,
  trust: (peer) => (peer.origin === "remote" ? 4 : TRUST[peer.trust]),
  latency: (peer) => peer.rtt_ms,
  availability: (peer) => past.of.get(peer.id)?.availability,
  seen: (peer) => (peer.last_seen ? -Date.parse(peer.last_seen) : null),
};

/** The peers that are asked for, in the order that is asked for; equals by name, and what is not known last. */
export function chosen(asked) {
  const key = KEYS[asked.order];
  const sign = asked.down ? -1 : 1;
  const found = [];
  for (const peer of peers.values()) if (fits(peer, asked)) found.push({ peer, key: key(peer) ?? null, name: nameKey(peer) });
  found.sort((one, other) => {
    if (one.key === other.key) return one.name < other.name ? -1 : 1;
    if (one.key === null || other.key === null) return one.key === null ? 1 : -1;
    return one.key < other.key ? -sign : sign;
  });
  return found.map(({ peer }) => peer);
}
