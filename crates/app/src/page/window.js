// Which rows of a long list are drawn: those in sight and some around them. The others cost nothing but their height.
//
//  top of the group ─┬─ heading
//                    │   not drawn
//                    ├─ MARGIN rows, so that a screen reader, the Tab key and a quick scroll meet rows
//      what is seen ─┤   drawn
//                    ├─ MARGIN rows
//                    │   not drawn, but the row that has the focus
//                    ┴─

import { Row } from "./row.js";

/** Rows drawn above and below what is seen. */
const MARGIN = 6;
/** Rows by which the part that is drawn moves. */
const STEP = 4;

/** The rows of one group, in a `tbody` that begins with a heading. */
export class Rows {
  constructor(body) {
    this.body = body;
    /** Drawn rows by the id of their peer. */
    this.drawn = new Map();
    /** Rows to be given to another peer. Until somebody rests they lie where they were, out of sight. */
    this.spare = [];
    this.take([], 0);
  }

  /** Takes over which peers there are, in their order. `before`: rows of the table above the first of them. */
  take(list, before) {
    this.list = list;
    this.before = before;
    this.at = new Map(list.map((peer, index) => [peer.id, index]));
    this.isStale = true;
  }

  /**
   * Which indices are to be drawn: from this one, to before that one. Reads where the group is, so all of them are asked
   * before any is drawn.
   */
  range({ height, heading, isWhole, margin = MARGIN }) {
    if (isWhole) return [0, this.list.length];
    const above = -(this.body.getBoundingClientRect().top + heading);
    // In steps, so that a scroll by some pixels changes nothing.
    const first = Math.floor(above / height / STEP) * STEP - margin;
    const count = Math.ceil(window.innerHeight / height) + 2 * margin + STEP;
    const from = Math.min(Math.max(0, first), this.list.length);
    return [from, Math.max(from, Math.min(this.list.length, first + count))];
  }

  /**
   * Draws a range, and the peer with the id `wanted` wherever it is. `height` of a row and `heading` of the group are in
   * pixels. While somebody scrolls, rows are neither moved in the document nor taken out of it, which is what costs most;
   * `isAtRest` does that.
   */
  draw([from, until], { height, heading, wanted, now, isAtRest }) {
    const key = `${from} ${until} ${wanted} ${height}`;
    if (!this.isStale && key === this.key && !(isAtRest && this.isMixed)) return;
    [this.key, this.isStale] = [key, false];
    const size = heading + this.list.length * height;
    if (this.size !== size) this.body.style.height = `${(this.size = size)}px`;
    const focus = this.focus();
    const indices = new Set();
    for (let index = from; index < until; index += 1) indices.add(index);
    for (const id of [wanted, focus?.id]) if (this.at.has(id)) indices.add(this.at.get(id));
    this.dismiss(indices, isAtRest);
    for (const index of [...indices].sort((one, other) => one - other)) {
      const peer = this.list[index];
      const row = this.drawn.get(peer.id) ?? this.begin(peer.id);
      row.show(peer, now);
      row.place(heading + index * height, this.before + index);
    }
    this.isMixed = !isAtRest;
    if (isAtRest) {
      for (const { node } of this.spare) node.remove();
      this.order(indices);
    }
    if (focus) this.keepFocus(focus);
  }

  /** A row that was moved lost the focus, and one that was given to another peer must not have it in place of this one's. */
  keepFocus({ id, number }) {
    const target = this.drawn.get(id)?.node.querySelectorAll("a, button")[number];
    const active = document.activeElement;
    if (target && active !== target) target.focus({ preventScroll: true });
    else if (!target && this.body.contains(active)) active.blur();
  }

  /** Brings the rows into their order in the document, which is the one for the Tab key and for a screen reader. */
  order(indices) {
    let last = this.body.firstElementChild;
    for (const index of [...indices].sort((one, other) => one - other)) {
      const { node } = this.drawn.get(this.list[index].id);
      if (last.nextElementSibling !== node) last.after(node);
      last = node;
    }
  }

  /** Which peer has the focus, and on which of its links. */
  focus() {
    const active = document.activeElement;
    if (!this.body.contains(active)) return null;
    for (const [id, { node }] of this.drawn) if (node.contains(active)) return { id, number: [...node.querySelectorAll("a, button")].indexOf(active) };
    return null;
  }

  /**
   * Takes back the rows that are not wanted any more: all of them where most are not, since rows that are given to other
   * peers where they stand cost less than rows that are moved.
   */
  dismiss(indices, isAtRest) {
    const kept = [...this.drawn].filter(([id]) => indices.has(this.at.get(id)));
    const isAnew = isAtRest && kept.length < this.drawn.size / 2;
    const before = this.drawn;
    this.drawn = new Map(isAnew ? [] : kept);
    for (const [id, row] of before) if (!this.drawn.has(id)) this.spare.push(row);
    if (isAnew) this.spare.sort((one, other) => (one.node.compareDocumentPosition(other.node) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1));
  }

  /** A row for this peer: the one that still lies there as its own, or else any. */
  begin(id) {
    const own = this.spare.findIndex(({ peer }) => peer.id === id);
    const [row = new Row()] = this.spare.splice(Math.max(0, own), 1);
    this.drawn.set(id, row);
    if (!row.node.isConnected) this.body.append(row.node);
    return row;
  }
}
