// States, causes and times in words, the same ones as on the command line.

const CAUSES = {
  search: "searched",
  notify: "announced itself",
  quit: "said goodbye",
  left: "said goodbye",
  told: "told of by another peer",
  silence: "silent",
  silent: "silent",
  no_answer: "did not answer",
  lost: "did not answer",
  verdict: "heard by nobody",
  hears_us_not: "seems not to hear this host",
  not_heard: "heard by others only",
  answers_again: "answers again",
  not_heard_since_start: "not heard since the daemon started",
  address_gone: "lost an address",
  replaced: "told its identity",
  expired: "forgotten by and by",
  forgotten: "removed by hand",
  removed_by_hand: "removed by hand",
  planned: "away as announced",
  overdue: "not back as announced",
  added: "added by hand",
  name_conflict: "same name twice",
  key_conflict: "another key for its name",
  address_conflict: "address of another",
  not_admitted: "not of a class that is listed",
  identity_conflict: "same identity twice",
  conflict_ended: "conflict is over",
  certificate_changed: "another certificate",
  certificate_matches: "the right certificate",
  certificate_trusted: "its new certificate is trusted",
  unresolvable: "name not found",
  forbidden_address: "name leads to an address that is not allowed",
  refused: "refuses connections",
  unreachable: "cannot be reached",
  resolve_timed_out: "name look-up took too long",
  connect_timed_out: "did not answer",
  handshake_timed_out: "did not answer in TLS",
  not_tls: "does not speak TLS",
  closed: "closed the connection",
  handshake_failed: "TLS failed",
  resolver_busy: "name look-ups hang",
  local: "trouble on this host",
};

/** A cause or reason in plain words; one of a newer daemon at least without its underscores. */
export function plain(label) {
  if (!label) return "";
  return Object.hasOwn(CAUSES, label) ? CAUSES[label] : label.replaceAll("_", " ");
}

/** What happened, as the end of a sentence that begins with a name. */
export function happened(event) {
  const said = {
    up: "is up",
    down: "is down",
    suspect: "is in doubt",
    changed: "changed",
    removed: "is off the list",
    conflict: "is in conflict",
    added: "was added",
    planned: "leaves as planned",
    overdue: "is overdue",
  };
  return Object.hasOwn(said, event) ? said[event] : plain(event);
}

const TRUST = {
  unsigned: ["Unsigned", "Anybody on the link could have said it."],
  pinned: ["Pinned", "Signed by the key that it had when it was heard first."],
  verified: ["Verified", "Signed, and by a member of this host’s group."],
  conflict: ["Conflict", "Another host has a better claim to its name, address or identity. Do not log in there before it is settled."],
};

/** The word for what a row proved, and what that means. */
export function trust(peer) {
  if (peer.origin === "remote") return ["By hand", "Added by hand: nothing but its certificate tells who it is."];
  return Object.hasOwn(TRUST, peer.trust) ? TRUST[peer.trust] : [plain(peer.trust), ""];
}

/** Whether its certificate is the one that it should be, in words. */
export function certificate({ certificate_state: state, certificate: shown, certificate_expected: expected, origin }) {
  if (state === "match") return origin === "remote" ? "The console shows the certificate that it showed first." : "The console shows the certificate that the host announces.";
  if (state === "changed") return `The console shows another certificate than ${origin === "remote" ? "it did first" : "the host announces"}. Do not log in before you know why.`;
  if (expected) return "Nobody looked yet whether the console shows the certificate that it should.";
  return shown ? "The host announces no certificate, so there is nothing to hold this one against." : "Nothing is known yet of the certificate that its console shows.";
}

const STEPS = [
  [86_400, "d", 3600, "h"],
  [3600, "h", 60, "min"],
  [60, "min", 1, "s"],
];

/** A span of time in its two largest units: "2 h 5 min". */
export function span(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  for (const [unit, name, smaller, smallerName] of STEPS) {
    if (seconds < unit) continue;
    const rest = Math.floor((seconds % unit) / smaller);
    const isShort = unit === 60 || rest === 0 || seconds >= unit * 10;
    return isShort ? `${Math.floor(seconds / unit)} ${name}` : `${Math.floor(seconds / unit)} ${name} ${rest} ${smallerName}`;
  }
  return `${seconds} s`;
}

/** How long ago, in one unit: "5 s ago". */
export function ago(time, now) {
  if (!time) return "not yet";
  const seconds = Math.max(0, Math.floor((now - Date.parse(time)) / 1000));
  if (Number.isNaN(seconds)) return "not known";
  const [unit, name] = STEPS.find(([unit]) => seconds >= unit) ?? [1, "s"];
  return `${Math.floor(seconds / unit)} ${name} ago`;
}

/** Made when it is used first: that takes a while, which the first picture need not wait for. */
const format = (options) => {
  let made = null;
  return (time) => (Number.isNaN(Date.parse(time)) ? "not known" : (made ??= new Intl.DateTimeFormat(undefined, options)).format(new Date(time)));
};
/** The time of day with seconds. */
export const clock = format({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
/** The day, as "Monday, 30 November". */
export const day = format({ weekday: "long", day: "numeric", month: "long" });
const minute = format({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const dayAndMinute = format({ day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
/** The time of day without seconds, with the day where that is not today. */
export const moment = (time, now) => (new Date(time).toDateString() === new Date(now).toDateString() ? minute : dayAndMinute)(time);
/** Day and time. */
export const whole = format({ dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });

/** A round trip: "0.4 ms", "12 ms". */
export function milliseconds(value) {
  if (typeof value !== "number") return "";
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ms`;
}

/** A share of 0 to 1: "99.98 %". Never rounded up to what is not whole. */
export function percent(share) {
  if (typeof share !== "number") return "";
  const cut = Math.floor(share * 10_000) / 100;
  return `${cut === 100 ? "100" : cut.toFixed(cut >= 90 ? 2 : 1)} %`;
}

/** "1 peer", "2 peers". */
export const count = (number, one, many = `${one}s`) => `${grouped(number)} ${number === 1 ? one : many}`;

/** "1,234". By hand: the first number that the browser's own formatting writes holds up the list by tens of milliseconds. */
export const grouped = (number) => `${number}`.replace(/\B(?=(\d{3})+$)/g, ",");
