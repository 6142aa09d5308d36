// Who hears whom, as pairs of hosts.

/**
 * What was told, in one form: `hosts` as they are listed, `hears(a, b)` with `"1"` heard, `"0"` not heard, `"?"` not known,
 * and `isWhole`, which is false where only this host's own hearing is known.
 */
export function network(answer, self, peers) {
  if (answer) {
    const rows = new Map(answer.rows.map((row) => [row.id, row]));
    const heard = answer.hosts.map((host) => rows.get(host.id)?.heard ?? "");
    return { hosts: answer.hosts, hears: (one, other) => heard[one][other] ?? "?", isWhole: true };
  }
  const locals = [...peers.values()].filter((peer) => peer.origin === "local" && peer.state !== "down");
  const hosts = [{ id: self.id, name: self.name, state: "up" }, ...locals.map(({ id, name, state }) => ({ id, name, state }))];
  const hears = (one, other) => {
    if (one !== 0 && other !== 0) return "?";
    const { reach, state } = locals[Math.max(one, other) - 1];
    if (state === "unknown") return "?";
    if (one === 0) return reach === "not_heard" ? "0" : "1";
    return reach === "hears_us_not" ? "0" : "1";
  };
  return { hosts, hears, isWhole: false };
}

/** Whether a host is there at all: of one that is not, nothing is to be heard. */
export const isThere = ({ state }) => state !== "down" && state !== "unknown";

/**
 * The pairs of hosts that are there, each once: `both` hear each other, `one` hears the other but is not heard by it,
 * `none` hears the other, or it is not `known`.
 */
export function pairsOf({ hosts, hears }) {
  const pairs = { both: [], one: [], none: [], unknown: [] };
  for (let a = 0; a < hosts.length; a += 1) {
    if (!isThere(hosts[a])) continue;
    for (let b = a + 1; b < hosts.length; b += 1) {
      if (!isThere(hosts[b])) continue;
      const [there, back] = [hears(a, b), hears(b, a)];
      if (there === "1" && back === "1") pairs.both.push([a, b]);
      else if (there === "1" && back === "0") pairs.one.push([a, b]);
      else if (there === "0" && back === "1") pairs.one.push([b, a]);
      else if (there === "0" && back === "0") pairs.none.push([a, b]);
      else pairs.unknown.push([a, b]);
    }
  }
  return pairs;
}
