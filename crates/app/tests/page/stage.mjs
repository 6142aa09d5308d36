// A daemon that is only played: the files of the page as they are in the source, and an API with invented peers. For
// benchmarks, pictures, and for working on the page without building the program:
//
//     node crates/app/tests/page/stage.mjs 24

import { readFile } from "node:fs/promises";
import http from "node:http";
import { fileURLToPath } from "node:url";
import path from "node:path";

const SOURCE = fileURLToPath(new URL("../../src/page/", import.meta.url));
const TYPES = { ".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml" };
/** What the program makes one file of, in its order: read where it says so. */
const namedIn = async (file, ending) =>
  [...(await readFile(path.join(SOURCE, "../api", file), "utf8")).matchAll(new RegExp(`include_str!\\("\\.\\./page/(\\w+)\\.${ending}"\\)`, "g"))].map(([, name]) => name);
const SHEETS = await namedIn("page.rs", "css");
const MODULES = await namedIn("script.rs", "js");
/** The policy of the daemon, of which a test holds that it is sent. */
export const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const TOWNS = ["seoul", "busan", "incheon", "daegu", "daejeon", "gwangju", "suwon", "ulsan", "jeju", "jeonju", "gyeongju", "sokcho", "andong", "mokpo", "pohang", "yeosu"];

const ago = (seconds) => new Date(Date.now() - seconds * 1000).toISOString();
/** A number of 0 to 1 that is the same each time. */
const drawn = (seed) => ((Math.imul(seed + 1, 2654435761) >>> 0) % 1000) / 1000;

/** One invented peer. Every few of them has something to tell. */
export function peer(number) {
  const town = TOWNS[number % TOWNS.length];
  const name = number < TOWNS.length ? `kvm-${town}` : `kvm-${town}-${Math.floor(number / TOWNS.length) + 1}`;
  const address = `10.77.${Math.floor(number / 250)}.${(number % 250) + 2}`;
  const made = {
    id: Buffer.from(`invented-host-number-${String(number).padStart(11, "0")}`).toString("base64url"),
    name,
    addresses: [address],
    http_port: 8000,
    https_port: 8001,
    url: `https://${address}:8001`,
    origin: "local",
    state: "up",
    reason: null,
    trust: number % 9 === 4 ? "verified" : "pinned",
    reach: "both",
    first_seen: ago(86_400 * (20 + number % 30)),
    last_seen: ago(drawn(number) * 9),
    state_since: ago(3600 * (2 + drawn(number) * 400)),
    rtt_ms: 0.3 + drawn(number * 7) * 1.4,
    facts: { version: "0.1.0", architecture: number % 13 === 6 ? "aarch64" : "x86_64", hypervisor: "kvm" },
    certificate_state: "match",
  };
  return { ...made, ...special(number, made) };
}

function special(number, made) {
  const gone = { state: "down", rtt_ms: null, reach: null };
  switch (number % 61) {
    case 5:
      return { ...gone, reason: "lost", last_seen: ago(760), state_since: ago(756) };
    case 9:
      return { reach: "hears_us_not" };
    case 12:
      return { ...gone, reason: "left", last_seen: ago(1500), state_since: ago(1500), planned: { until: ago(-5700), reason: "firmware", overdue: false } };
    case 21:
      return { state: "suspect", reason: "silent", last_seen: ago(3), state_since: ago(2) };
    case 27:
      return { certificate_state: "changed" };
    case 33:
      return { trust: "conflict", url: "" };
    default:
      return number % 17 === 11 ? { trust: "unsigned", facts: {}, id: `${made.name}@${made.addresses[0]}`, certificate_state: "unknown" } : {};
  }
}

/** Two peers that were added by hand. */
function remotes() {
  const made = (host, more) => ({ ...peer(0), id: `${host}:8001`, name: host, addresses: ["198.51.100.7"], http_port: null, url: `https://${host}:8001`, origin: "remote", trust: "unsigned", reach: null, facts: {}, last_seen: ago(14), rtt_ms: 18.4, certificate_state: "match", ...more });
  return [
    made("lab.example.org", {}),
    made("kvm9.example.net", { addresses: [], state: "down", reason: "refused", rtt_ms: null, last_seen: ago(7300), state_since: ago(7200) }),
  ];
}

/** All that the played daemon knows. */
export function invent(number) {
  const locals = Array.from({ length: number }, (_, index) => peer(index + 1));
  return { peers: [...locals, ...(number > 0 ? remotes() : [])] };
}

function availability(peers, window, only) {
  const slices = window === "24h" ? 96 : 120;
  const entry = (peer, index) => {
    const marks = Array(slices).fill(peer.origin === "local" && index % 7 === 3 ? "-" : "u");
    if (marks[0] === "-") marks.fill("u", Math.floor(slices * drawn(index) * 0.7));
    let flaps = 0;
    if (index % 5 === 1 || peer.state === "down") {
      const at = Math.floor(drawn(index * 3) * (slices - 4));
      marks[at] = "p";
      if (index % 2) marks.fill("d", at + 1, at + 3);
      flaps = 1;
    }
    if (peer.state === "down") marks.fill(peer.planned ? "l" : "d", slices - 2);
    const known = marks.filter((mark) => mark !== "-" && mark !== "l");
    const up = known.reduce((sum, mark) => sum + { u: 1, p: 0.6, d: 0 }[mark], 0);
    return { peer: peer.id, name: peer.name, availability: known.length ? up / known.length : null, flaps, slices: marks.join("") };
  };
  const entries = peers.map(entry).filter((entry) => !only || entry.peer === only);
  return { window, since: ago(86_400), until: ago(0), slice_seconds: 900, peers: entries };
}

function history(peers, only) {
  const of = (peer, index) => [
    { event: peer.state === "down" ? "down" : "up", cause: peer.reason ?? "search", time: peer.state_since },
    { event: "down", cause: "verdict", time: ago(9000 + index * 977) },
    { event: "changed", cause: "address_gone", time: ago(90_000 + index * 977) },
    { event: "up", cause: "notify", time: peer.first_seen },
  ].map((entry) => ({ ...entry, peer: peer.id, name: peer.name, address: peer.addresses[0] ?? null, certificate: null }));
  return peers.filter((peer) => !only || peer.id === only).flatMap(of).sort((one, other) => (one.time < other.time ? 1 : -1)).slice(0, 200);
}

function matrix(peers, self) {
  const locals = peers.filter((peer) => peer.origin === "local");
  const hosts = [self, ...locals].map(({ id, name, state = "up" }) => ({ id, name, state }));
  const heard = (row, column) => {
    if (row === column) return "-";
    if (hosts[row].state === "down" || hosts[column].state === "down") return hosts[row].state === "down" ? "?" : "0";
    if (hosts[row].id === locals[8]?.id && column === 0) return "0";
    return row === 3 && column === 7 ? "0" : "1";
  };
  return { hosts, rows: hosts.map((host, row) => ({ id: host.id, age_ms: 900, heard: hosts.map((_, column) => heard(row, column)).join("") })) };
}

const self = { id: Buffer.from("invented-host-number-00000000000").toString("base64url"), name: "kvm-seoul", epoch: 7, version: "0.1.0", addresses: ["10.77.0.2"], http_port: 8000, https_port: 8001, facts: { version: "0.1.0", architecture: "x86_64", hypervisor: "kvm" } };

function status(peers, degraded) {
  return {
    version: "0.1.0", name: self.name, id: self.id, started: ago(86_400 * 12.3), state_dir: "/var/lib/kimchi-peers",
    api: ["127.0.0.1:8132", "unix:/run/kimchi-peers/api.sock"], degraded, peers: {},
    links: [{ name: "br0", address: "10.77.0.2", heard_self: ago(4), loss: 0.002, isolated: false }],
    interfaces: [{ name: "br0", used: true, why: "used" }, { name: "lo", used: false, why: "loopback, used only if configured" }, { name: "virbr0", used: false, why: "leads to guests or containers, used only if configured" }, { name: "eno1", used: false, why: "port of a bridge or bond, used only if configured" }],
    datagrams: { received: { notify: 81_345, search: 190_221, quit: 12 }, sent: { notify: 10_645, search: 190_310, quit: 0 }, sent_bytes: 61_400_221, dropped: { malformed: 3, off_link: 1 }, verified: 40_112, own: 10_645, kernel_dropped: 0, skipped: 0, send_errors: 0, unreachable: 2 },
    store: { pending: 0, commits: 18_443, failed_commits: 0, database_bytes: 2_408_448 },
    trust: { mode: "mark", peers: { pinned: peers.length, unsigned: 1 }, would_vanish: { "require-signed": peers.filter((peer) => peer.trust === "unsigned" && peer.origin === "local").map((peer) => peer.name), "require-group": peers.map((peer) => peer.name) }, group_keys: ["aF3kq9ZsT0E"], unproven: { base: 0, extended: 0 } },
  };
}

/** A file of the page, as the program serves it. */
async function file(name) {
  const read = (name) => readFile(path.join(SOURCE, name), "utf8");
  if (name === "style.css") return (await Promise.all(SHEETS.map((sheet) => read(`${sheet}.css`)))).join("");
  if (name === "main.js") return (await Promise.all(MODULES.map(async (module) => wrapped(module, await read(`${module}.js`))))).join("");
  return read(name);
}

/** A module as a part of the one script: what `src/api/script.rs` does, and why, is told there. */
function wrapped(module, text) {
  const exported = [];
  const lines = text
    .replace(/^import (?:\* as )?(.+) from "\.\/(\w+)\.js";$/gm, (_, names, from) => `const ${names.replaceAll(" as ", ": ")} = of_${from};`)
    .replace(/^export (?=(?:async )?(?:const|function|class) (\w+))/gm, (_, name) => (exported.push(name), ""));
  return `const of_${module} = (() => {\n${lines}return { ${exported.join(", ")} };\n})();\n`;
}

/** Plays a daemon; answers with its origin, what it knows, and `tell(event)` for what is to happen. */
export async function stage(number, { degraded = [], port = 0 } = {}) {
  const known = invent(number);
  const readers = new Set();
  const answers = {
    "/v1/peers": () => known.peers,
    "/v1/self": () => self,
    "/v1/status": () => status(known.peers, degraded),
    "/v1/availability": (query) => availability(known.peers, query.get("window"), query.get("peer")),
    "/v1/history": (query) => history(known.peers, query.get("peer")),
    "/v1/matrix": () => matrix(known.peers, self),
  };
  const server = http.createServer(async (request, response) => {
    const url = new URL(request.url, "http://localhost");
    response.setHeader("Content-Security-Policy", POLICY);
    if (url.pathname === "/v1/events") {
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      response.write(`id: 1.0\nevent: ready\ndata: ${JSON.stringify({ event: "ready", time: ago(0) })}\n\n`);
      readers.add(response);
      return void request.on("close", () => readers.delete(response));
    }
    const looked = /^\/v1\/peers\/([^/]+)\/check$/.exec(url.pathname) && known.peers.find((peer) => peer.id === decodeURIComponent(url.pathname.split("/")[3]));
    if (looked) return void response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify({ ...detail(looked), address: new URL(looked.url).host }));
    if (request.method === "POST") return void response.writeHead(202, { "Content-Type": "application/json" }).end("{}");
    const one = url.pathname.startsWith("/v1/peers/") && known.peers.find((peer) => peer.id === decodeURIComponent(url.pathname.slice(10)));
    const told = one ? detail(one) : answers[url.pathname]?.(url.searchParams);
    if (told) return void response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(told));
    const name = url.pathname === "/" ? "index.html" : path.basename(url.pathname);
    const text = await file(name).catch(() => null);
    if (text === null) return void response.writeHead(404).end();
    response.writeHead(200, { "Content-Type": `${TYPES[path.extname(name)]}; charset=utf-8` }).end(text);
  });
  await new Promise((done) => server.listen(port, "127.0.0.1", done));
  const tell = (event) => readers.forEach((reader) => reader.write(`event: ${event.event}\ndata: ${JSON.stringify({ time: ago(0), ...event })}\n\n`));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { origin: `http://127.0.0.1:${server.address().port}`, known, tell, close };
}

function detail(peer) {
  const evidence = peer.origin === "local" ? [{ interface: "br0", address: peer.addresses[0], last_heard: peer.last_seen }] : [];
  const conflict = peer.trust === "conflict" ? "kvm-busan at 10.77.0.3 has the same name; give one of the two another name" : null;
  return { ...peer, conflict, failure: peer.reason === "refused" ? "nobody accepts connections there" : null, evidence, certificate: peer.certificate_state === "unknown" ? null : "5f1a".repeat(16), certificate_expected: (peer.certificate_state === "changed" ? "9c04" : "5f1a").repeat(16), history: [] };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { origin } = await stage(Number(process.argv[2] ?? 12), { port: 8199 });
  console.log(`${origin}/`);
}
