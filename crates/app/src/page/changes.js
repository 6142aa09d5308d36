// What a person can change: the peers of other networks, whom a name belongs to, and that the network is asked now.

import { Cancelled, change, send, signIn } from "./session.js";
import { announce, byId, setText, show } from "./dom.js";
import { askAndDo, openDialog, sentence, submitting } from "./dialog.js";
import { peerPath } from "./api.js";
import { count } from "./words.js";

/** How long an answer to a search may take: the third and last search goes out after a second. In milliseconds. */
const SEARCH = 4000;

let search = null;

/** Makes the buttons work; `added(peer)` is called with the row of a new peer. */
export function prepare(added) {
  byId("search").addEventListener("click", searchNow);
  byId("add").addEventListener("click", () => openDialog(byId("add-dialog"), { focus: byId("add-address") }));
  submitting("add", () => add(added), byId("add-address"));
}

async function add(added) {
  const [given, name] = [byId("add-address").value.trim(), byId("add-name").value.trim()];
  if (!given) throw new Error("Say where the peer is: a name, an IP address, or an https address.");
  const body = { [/^[a-z]+:\/\//i.test(given) ? "url" : "address"]: given, ...(name ? { name } : {}) };
  const peer = await unlessCancelled(change("/v1/peers", { method: "POST", body }, "To add a peer you sign in."));
  byId("add-form").reset();
  announce(`${peer.name} was added and is being checked.`);
  added(peer);
}

/** In a dialog that stays open: says so where somebody would rather not sign in. */
async function unlessCancelled(changed) {
  try {
    return await changed;
  } catch (stop) {
    throw stop instanceof Cancelled ? new Error("Nothing was changed: that needs to be signed in.") : stop;
  }
}

/** Takes a peer off the list, if that is meant. */
export function remove(peer) {
  const isRemote = peer.origin === "remote";
  return askAndDo({
    title: isRemote ? `Remove ${peer.name}?` : `Forget ${peer.name}?`,
    words: isRemote
      ? "It is taken off the list and no longer checked. Add it again at any time."
      : "Its row and the key that its name is bound to are dropped. If the host comes back, it is new.",
    button: isRemote ? "Remove" : "Forget",
    action: async () => {
      await unlessCancelled(change(peerPath(peer.id), { method: "DELETE" }, "To change the list you sign in."));
      announce(`${peer.name} is off the list.`);
    },
  });
}

/** Gives a name to the host that bears it, if that is meant. */
export function trust(peer) {
  return askAndDo({
    title: `Trust ${peer.name}?`,
    words: "The name then belongs to this key, and the key that had it loses it. Compare the fingerprint with what the host itself shows before.",
    button: "Trust",
    action: async () => {
      await unlessCancelled(change(`${peerPath(peer.id)}/trust`, { method: "POST" }, "To settle whose name it is you sign in."));
      announce(`The name ${peer.name} belongs to this host now.`);
    },
  });
}

/** Takes the certificate that a remote peer shows now for its own, if that is meant. */
export function trustCertificate(peer) {
  return askAndDo({
    title: `Trust the new certificate of ${peer.name}?`,
    words: `From now on its console is held to SHA-256 ${peer.certificate}. Compare that with what the host itself shows before.`,
    button: "Trust",
    action: async () => {
      await unlessCancelled(change(`${peerPath(peer.id)}/trust`, { method: "POST" }, "To trust a certificate you sign in."));
      announce(`${peer.name} is held to its new certificate.`);
    },
  });
}

/** Has the daemon look at the certificate of a peer's console now; what it found. */
export function check(peer) {
  return change(`${peerPath(peer.id)}/check`, { method: "POST" }, "To have this host connect to a console you sign in.");
}

async function searchNow() {
  if (search) return;
  search = { begun: performance.now(), found: new Set() };
  byId("search").disabled = true;
  show(byId("search-progress"), true);
  setText(byId("search-words"), "Asking the network …");
  announce("Asking the network.");
  try {
    await searchSent();
    await new Promise((done) => progress(done));
    const found = search.found.size;
    const result = found > 0 ? `Asked: ${count(found, "peer")} came up.` : "Asked: nobody new answered.";
    setText(byId("search-words"), result);
    announce(result);
  } catch (refusal) {
    const reason = refusal instanceof Cancelled ? "The network was not asked: that needs to be signed in here." : sentence(refusal.message);
    setText(byId("search-words"), reason);
    announce(reason);
  }
  search = null;
  byId("search").disabled = false;
  setTimeout(() => show(byId("search-progress"), search !== null), 4000);
}

/** Searching is free on the host itself; from another host it needs the proof. */
async function searchSent() {
  for (;;) {
    try {
      return await send("/v1/search", { method: "POST" });
    } catch (refusal) {
      if (refusal.status !== 401) throw refusal;
      await signIn("From another host, asking the network needs to be signed in.");
    }
  }
}

function progress(done) {
  const passed = performance.now() - search.begun;
  byId("search-progress").querySelector("progress").value = Math.min(100, (100 * passed) / SEARCH);
  if (passed >= SEARCH) done();
  else setTimeout(() => progress(done), 50);
}

/** Counts a peer that came up while the network is asked. */
export function noteUp(id) {
  if (!search) return;
  search.found.add(id);
  setText(byId("search-words"), `Asking the network … ${count(search.found.size, "peer")} came up.`);
}
