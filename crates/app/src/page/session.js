// Who may change something: a browser that is signed in. It holds a cookie, which scripts do not see, and a proof, which
// this tab keeps and sends with each change.

import { ask } from "./api.js";
import { byId, setText } from "./dom.js";
import { openDialog, submitting } from "./dialog.js";

const KEPT = "kimchi-peers-proof";

/** A person who was asked to sign in, or whether it is meant, said no. */
export class Cancelled extends Error {}

/** Takes over the proof that a link of `kimchi-peers open` brought along, and takes it out of the address. */
export function takeFromAddress() {
  const brought = /^#proof=([\w-]+)$/.exec(location.hash)?.[1];
  if (!brought) return false;
  keep(brought);
  history.replaceState(null, "", "/");
  return true;
}

const proof = () => sessionStorage.getItem(KEPT);

function keep(value) {
  if (value) sessionStorage.setItem(KEPT, value);
  else sessionStorage.removeItem(KEPT);
  showState();
}

/** Whether this tab is signed in, as far as it knows. */
export const isSignedIn = () => proof() !== null;

function showState() {
  setText(byId("sign"), isSignedIn() ? "Sign out" : "Sign in");
}

/** Makes the button and the dialog work; `after` is called when it was signed in or out by hand. */
export function prepare(after) {
  showState();
  byId("sign").addEventListener("click", async () => {
    try {
      if (isSignedIn()) await signOut();
      else await signIn("Reading is free here. To change the list you sign in.");
      after();
    } catch (stop) {
      if (!(stop instanceof Cancelled)) throw stop;
    }
  });
}

async function signOut() {
  keep(null);
  // The cookie alone reads only; where the daemon does not answer, it forgets by itself.
  await ask("/v1/session", { method: "DELETE" }).catch(() => null);
}

/** Sends a change with the proof, after asking for it where it is missing or not good any more. */
export async function change(path, request, why) {
  for (;;) {
    if (!isSignedIn()) await signIn(why);
    try {
      return await send(path, request);
    } catch (refusal) {
      if (refusal.status !== 401) throw refusal;
      keep(null);
    }
  }
}

/** Sends a request with the proof, if there is one. */
export function send(path, request) {
  const headers = isSignedIn() ? { "X-Kimchi-Peers-Proof": proof() } : {};
  return ask(path, { ...request, headers });
}

/** Shows where the token is, once that is known. */
export function tellStateDirectory(directory) {
  setText(byId("sign-token-file"), `${directory}/api-token`);
}

/** Has a person sign in; throws [`Cancelled`] if they would rather not. */
export async function signIn(why) {
  setText(byId("sign-why"), why);
  const isDone = await openDialog(byId("sign-dialog"), { focus: byId("sign-secret") });
  if (!isDone) throw new Cancelled();
}

submitting("sign", async () => {
  const given = byId("sign-secret").value.trim();
  if (!given) throw new Error("Paste the link or the token first.");
  // A code of a link is good once; a token gets such a code, so that it need not be kept here.
  const code = /[?&]code=([\w-]+)/.exec(given)?.[1] ?? (await codeFor(given));
  const begun = await ask("/v1/session", { method: "POST", body: { code } });
  keep(begun.proof);
  byId("sign-secret").value = "";
}, byId("sign-secret"));

async function codeFor(token) {
  if (!/^[\x21-\x7e]+$/.test(token)) throw new Error("This is neither a link nor a token.");
  try {
    return (await ask("/v1/session/code", { method: "POST", headers: { Authorization: `Bearer ${token}` } })).code;
  } catch (refusal) {
    if (refusal.status === 401) throw new Error("This is not the token of this daemon.");
    throw refusal;
  }
}
