// One row of the list: made once, and given to another peer when it is not in sight any more.

import { availabilityStrip, availabilityWords, redrawStrip, sparkline } from "./strip.js";
import { byId, setText } from "./dom.js";
import { ago, milliseconds, moment, span, trust } from "./words.js";
import { condition, past, samplesOf } from "./peers.js";
import { showConsole } from "./console.js";

/** A drawn row. Its place is a distance from the top of its group, so that nothing else moves when it does. */
export class Row {
  constructor() {
    this.node = byId("row").content.firstElementChild.cloneNode(true);
    this.parts = {};
    for (const part of this.node.querySelectorAll("[data-part]")) this.parts[part.dataset.part] = part;
  }

  /** Takes over what is known of a peer now. */
  show(peer, now) {
    if (this.peer !== peer) {
      if (this.peer?.id !== peer.id) this.begin(peer);
      this.peer = peer;
      this.tell(peer);
    }
    this.draw(now);
  }

  /** Another peer than before. */
  begin(peer) {
    this.parts.name.href = `#peer=${encodeURIComponent(peer.id)}`;
    this.node.classList.remove("flash");
  }

  tell(peer) {
    const { word, tone, why, until } = condition(peer);
    const [trusted, meaning] = trust(peer);
    this.why = why;
    this.until = until;
    if (this.node.dataset.tone !== tone) this.node.dataset.tone = tone;
    setText(this.parts.state, word);
    setText(this.parts.name, peer.name);
    setText(this.parts.origin, peer.origin === "remote" ? "Remote" : "Local");
    this.parts.origin.dataset.origin = peer.origin;
    setText(this.parts.facts, [peer.facts.hypervisor, peer.facts.architecture, peer.facts.version].filter(Boolean).join(" · "));
    const more = peer.addresses.length - 1;
    setText(this.parts.address, (peer.addresses[0] ?? "not known yet") + (more > 0 ? ` +${more}` : ""));
    setTitle(this.parts.address, peer.addresses.join("\n"));
    setText(this.parts.trust, trusted);
    setTitle(this.parts.trust, meaning);
    this.parts.trust.dataset.trust = peer.origin === "remote" ? "remote" : peer.trust;
    const key = `${peer.id} ${peer.url} ${peer.trust} ${peer.name} ${peer.certificate_state}`;
    if (this.console === key) return;
    this.console = key;
    showConsole(this.parts.console, peer);
  }

  /** Draws what was measured, and what moves with time. */
  draw(now) {
    this.tick(now);
    const samples = samplesOf(this.peer.id);
    const measured = `${this.peer.id} ${samples.length} ${samples.at(-1)}`;
    if (this.measured !== measured) {
      this.measured = measured;
      const line = sparkline(samples);
      this.parts.spark.replaceChildren(...(line ? [line] : []));
    }
    setText(this.parts.latency, milliseconds(this.peer.rtt_ms));
    const entry = past.of.get(this.peer.id);
    if (this.entry === entry) return;
    this.entry = entry;
    const strip = this.parts.strip.firstChild;
    if (entry && strip) redrawStrip(strip, entry, past.title);
    else this.parts.strip.replaceChildren(...(entry ? [availabilityStrip(entry, past.title)] : []));
    setText(this.parts.availability, entry ? availabilityWords(entry) : "");
  }

  /** Draws what moves with time alone. */
  tick(now) {
    // Of an absence that was announced people ask when it ends, not when it began.
    const since = this.until ? `back by ${moment(this.until, now)}` : `for ${span(now - Date.parse(this.peer.state_since))}`;
    setText(this.parts.since, this.why ? `${since}: ${this.why}` : since);
    setText(this.parts.seen, ago(this.peer.last_seen, now));
  }

  /** Puts it this far below the top of its group, as the given row of the whole table. */
  place(top, number) {
    if (this.top !== top) this.node.style.top = `${(this.top = top)}px`;
    if (this.number !== number) this.node.setAttribute("aria-rowindex", (this.number = number));
  }

  /** Draws the eye to it for a moment. */
  flash() {
    this.node.classList.remove("flash");
    requestAnimationFrame(() => this.node.classList.add("flash"));
  }
}

function setTitle(node, title) {
  if (node.title !== title) node.title = title;
}
