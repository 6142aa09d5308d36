// Small drawings of what was: when a peer was up, how long it took to answer.

import { drawn } from "./dom.js";
import { count, milliseconds, percent } from "./words.js";

/** How each character of the slices is drawn: its class, and from where down, so that colour is not all that tells. */
const SLICES = { u: ["up", 0], p: ["part", 4], d: ["down", 10], l: ["leave", 10], "-": ["none", 14] };
const HEIGHT = 16;

/** A strip of slices, oldest first. One path for each kind: a thousand of them stay cheap. */
export function availabilityStrip(entry, windowWords) {
  const strip = drawn("svg", { class: "strip", preserveAspectRatio: "none", role: "img" });
  redrawStrip(strip, entry, windowWords);
  return strip;
}

/** Makes a strip that of another peer or time. Most look alike, and what is there and fits is left as it is. */
export function redrawStrip(strip, entry, windowWords) {
  const paths = Object.entries(pathsOf(entry.slices));
  while (strip.childElementCount > paths.length) strip.lastChild.remove();
  for (const [index, [kind, d]] of paths.entries()) {
    const path = strip.children[index] ?? strip.appendChild(drawn("path"));
    setAttribute(path, "class", `slice-${kind}`);
    setAttribute(path, "d", d);
  }
  setAttribute(strip, "viewBox", `0 0 ${Math.max(1, entry.slices.length)} ${HEIGHT}`);
  setAttribute(strip, "aria-label", `${windowWords}: ${availabilityWords(entry)}`);
}

function pathsOf(slices) {
  const paths = {};
  for (let at = 0; at < slices.length; ) {
    let end = at + 1;
    while (end < slices.length && slices[end] === slices[at]) end += 1;
    const [kind, top] = SLICES[slices[at]] ?? SLICES["-"];
    paths[kind] = `${paths[kind] ?? ""}M${at} ${top}h${end - at}v${HEIGHT - top}h${at - end}z`;
    at = end;
  }
  return paths;
}

function setAttribute(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** "99.98 %, 2 interruptions". */
export function availabilityWords({ availability, flaps }) {
  if (typeof availability !== "number") return "not known yet";
  return flaps > 0 ? `${percent(availability)}, ${count(flaps, "interruption")}` : percent(availability);
}

/** A line through round trips, oldest first; nothing where there are fewer than two. */
export function sparkline(samples, { width = 56, height = 18, name = "Latency" } = {}) {
  if (samples.length < 2) return null;
  const most = Math.max(...samples);
  const least = Math.min(...samples);
  const x = (index) => ((index / (samples.length - 1)) * (width - 4) + 2).toFixed(1);
  const y = (value) => (most === least ? height / 2 : height - 2 - ((value - least) / (most - least)) * (height - 4)).toFixed(1);
  const points = samples.map((value, index) => `${x(index)},${y(value)}`).join(" ");
  const label = `${name}: ${milliseconds(least)} to ${milliseconds(most)} in ${count(samples.length, "measurement")}`;
  return drawn(
    "svg",
    { class: "spark", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label },
    drawn("polyline", { points }),
    drawn("circle", { cx: x(samples.length - 1), cy: y(samples.at(-1)), r: 1.8 }),
  );
}
