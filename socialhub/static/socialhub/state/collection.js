/** Things by id, in order: what REST pages and events tell of them, merged. */

import { Changes } from "../lib/changes.js";

export class Collection extends Changes {
  #items = new Map();
  #gone = new Set();
  #told = new Map(); // id -> the revision at which it was told last
  #sorted = null;
  #compare;
  #merge;

  /** Rises with everything that is told. */
  revision = 0;

  /**
   * @param {(a, b) => number} compare the order.
   * @param {(known, fresh) => any} merge of two versions of one thing, told in any order,
   *   what holds. By default the one that was told last.
   */
  constructor(compare, merge = (known, fresh) => fresh) {
    super();
    this.#compare = compare;
    this.#merge = merge;
  }

  get size() {
    return this.#items.size;
  }

  get(id) {
    return this.#items.get(id);
  }

  /** All of them, in order. */
  all() {
    this.#sorted ??= [...this.#items.values()].sort(this.#compare);
    return this.#sorted;
  }

  /** Take things in, known or not; what was removed stays away. */
  put(...things) {
    this.revision += 1;
    for (const thing of things) {
      if (this.#gone.has(thing.id)) continue;
      const known = this.#items.get(thing.id);
      this.#items.set(thing.id, known ? this.#merge(known, thing) : thing);
      this.#told.set(thing.id, this.revision);
    }
    this.#resort();
  }

  /** Change some fields of a thing, if it is known. */
  patch(id, fields) {
    const known = this.#items.get(id);
    if (!known) return;
    this.#items.set(id, { ...known, ...fields });
    this.#resort();
  }

  /** It is gone for good. */
  remove(id) {
    this.#gone.add(id);
    if (this.#items.delete(id)) this.#resort();
  }

  /**
   * Only these are left, merged with what was known of them, and what was told meanwhile.
   *
   * @param {number} since the revision when they were asked for.
   */
  replace(things, since) {
    const ids = new Set(things.map((thing) => thing.id));
    for (const [id, told] of [...this.#told]) {
      if (ids.has(id) || told > since) continue;
      this.#items.delete(id);
      this.#told.delete(id);
    }
    this.put(...things);
  }

  #resort() {
    this.#sorted = null;
    this.changed();
  }
}

/** The number in a wire id such as `post_7`: later things have higher ones. */
export function number(id) {
  return Number(id.slice(id.lastIndexOf("_") + 1));
}
