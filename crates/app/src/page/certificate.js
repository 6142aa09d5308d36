// The certificate of a peer's console: what is known of it, and a look at it now.

import { announce, element, terms } from "./dom.js";
import { check } from "./changes.js";
import { Cancelled } from "./session.js";
import { Refusal } from "./api.js";
import { sentence } from "./dialog.js";
import { certificate } from "./words.js";

/** What the newest look found, by the id of the peer; it stays while the page is open. */
const found = new Map();

/** All of it, with a button; `renew()` shows what the daemon knows after a look. */
export function certificateSection(peer, renew) {
  const button = element("button", { type: "button", "data-keep": "check", text: "Check now" });
  button.addEventListener("click", async () => {
    button.disabled = true;
    button.textContent = "Looking …";
    await look(peer);
    renew();
  });
  const mono = (text) => text && element("span", { class: "mono break", text });
  const isSame = peer.certificate === peer.certificate_expected;
  const expected = peer.origin === "remote" ? "Held to" : "Announced";
  return element(
    "div",
    {},
    // That it changed is told above.
    peer.certificate_state !== "changed" && element("p", { text: certificate(peer) }),
    terms(isSame ? [["SHA-256", mono(peer.certificate)]] : [["Shown, SHA-256", mono(peer.certificate)], [`${expected}, SHA-256`, mono(peer.certificate_expected)]]),
    element("div", { class: "buttons start" }, button, element("p", { class: "muted", text: found.get(peer.id) ?? "" })),
  );
}

async function look(peer) {
  let words;
  try {
    const { certificate_state: state, failure, address } = await check(peer);
    const said = { match: "It is the right one.", changed: "It is another one.", unknown: "There is nothing to hold it against." };
    words = failure ? `${address} showed none: ${sentence(failure)}` : said[state] ?? state;
  } catch (refusal) {
    if (refusal instanceof Cancelled) words = "Nothing was looked at: that needs to be signed in.";
    else if (refusal instanceof Refusal) words = sentence(refusal.message);
    else throw refusal;
  }
  found.set(peer.id, words);
  announce(words);
}
