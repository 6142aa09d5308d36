// Building of elements. Whatever comes from the network becomes a text node or the value of a harmless attribute.

const SVG = "http://www.w3.org/2000/svg";

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/**
 * A new element. A property `class`, `text`, `on` (listeners by event) or `dataset` is taken as such, any other is an
 * attribute; one that is null, undefined or false is left out. Children are elements or text.
 */
export function element(name, properties = {}, ...children) {
  return fill(document.createElement(name), properties, children);
}

/** The same for a part of a drawing. */
export function drawn(name, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, name), properties, children);
}

function fill(made, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") made.setAttribute("class", value);
    else if (name === "text") made.textContent = value;
    else if (name === "dataset") Object.assign(made.dataset, value);
    else if (name === "on") for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** Sets a text only where it is another one: an unchanged text costs no layout, and one that is put in its place no new node. */
export function setText(node, text) {
  if (node.textContent === text) return;
  const only = node.firstChild;
  if (only?.nodeType === Node.TEXT_NODE && only === node.lastChild && text !== "") only.data = text;
  else node.textContent = text;
}

/** Shows or hides an element. */
export function show(node, shown) {
  if (node.hidden === shown) node.hidden = !shown;
}

/** A list of terms with what is said of them; entries without a value are left out. */
export function terms(entries) {
  const rows = entries.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return element("dl", { class: "terms" }, ...rows.map(([term, value]) => element("div", {}, element("dt", { text: term }), element("dd", {}, value))));
}

/** Tells a screen reader, soon, in one sentence. What comes in the meantime is told together. */
export function announce(sentence) {
  waiting.push(sentence);
  timer ??= setTimeout(() => {
    const told = waiting.splice(0);
    timer = null;
    byId("announcements").textContent = told.length > 3 ? `${told.length} changes, the last: ${told.at(-1)}` : told.join(" ");
  }, 800);
}

const waiting = [];
let timer = null;
