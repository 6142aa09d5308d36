// The way to a peer's console.

import { askAndDo } from "./dialog.js";
import { element } from "./dom.js";

/**
 * Where a peer's console answers, or null. The API builds the address of typed parts; it is held against them again, so
 * that no text of the network ever becomes a link.
 */
function consoleUrl(peer) {
  let url;
  try {
    url = new URL(peer.url);
  } catch {
    return null;
  }
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const isPlain = url.protocol === "https:" && !url.username && !url.password && /^[A-Za-z0-9.:_-]+$/.test(host);
  const isItsPort = Number(url.port || 443) === peer.https_port;
  const isItsAddress = peer.origin === "remote" || peer.addresses.some((address) => sameAddress(address, host));
  return isPlain && isItsPort && isItsAddress && peer.trust !== "conflict" ? url.href : null;
}

function sameAddress(address, host) {
  if (address === host) return true;
  try {
    return address.includes(":") && new URL(`https://[${address}]`).hostname === `[${host}]`;
  } catch {
    return false;
  }
}

/**
 * The way to the console in a new tab, or nothing where none is to be followed. One that shows another certificate than it
 * should is no link: whoever answers there gets the password that is typed, so it is asked first whether that is meant.
 */
export function consoleLink(peer, text, properties = {}) {
  const url = consoleUrl(peer);
  if (!url) return null;
  if (peer.certificate_state === "changed") {
    const label = `${text} of ${peer.name}: it shows another certificate`;
    return element("button", { type: "button", "aria-label": label, ...properties, class: properties.class ? "danger" : "link danger", on: { click: () => askFirst(peer, url) } }, `${text} …`);
  }
  const label = linkLabel(peer, text);
  return element("a", { href: url, target: "_blank", rel: "noopener noreferrer", "aria-label": label, ...properties }, text, element("span", { class: "out", "aria-hidden": "true", text: "↗" }));
}

const linkLabel = (peer, text) => `${text} of ${peer.name}, in a new tab`;

/** Shows the way to a peer's console in a place that may show the one to another's: from link to link little is changed. */
export function showConsole(place, peer) {
  const [before, url] = [place.firstChild, consoleUrl(peer)];
  if (url && before?.href && peer.certificate_state !== "changed") {
    before.href = url;
    before.setAttribute("aria-label", linkLabel(peer, "Console"));
  } else {
    place.replaceChildren(consoleLink(peer, "Console") ?? element("span", { class: "muted", text: "no link" }));
  }
}

function askFirst(peer, url) {
  return askAndDo({
    title: `Open the console of ${peer.name} all the same?`,
    words: `What answers at ${new URL(url).host} shows another certificate than ${peer.origin === "remote" ? "it did when it was added" : "the host announces"}. It may have been renewed, and it may be somebody else, who would get the password that you type. Check the certificate again first, or compare its SHA-256 on the host itself.`,
    button: "Open all the same",
    action: () => void window.open(url, "_blank", "noopener,noreferrer"),
  });
}
