/** The comments on one post, oldest first. */

import { Collection, number } from "./collection.js";

const PAGE_SIZE = 10;

export class Comments {
  list = new Collection((a, b) => number(a.id) - number(b.id));

  #rest;
  #path;
  #next = null;
  #loaded = false;

  constructor(rest, postId) {
    this.#rest = rest;
    this.#path = `posts/${postId}/comments`;
  }

  get hasEarlier() {
    return this.#next !== null;
  }

  /** Fetch the newest; those that were loaded stay. */
  async load() {
    const page = await this.#rest.get(this.#path, { page_size: PAGE_SIZE });
    if (!this.#loaded) this.#next = page.next;
    this.#loaded = true;
    this.list.put(...page.results);
  }

  async loadEarlier() {
    const page = await this.#rest.getNext(this.#path, this.#next);
    this.#next = page.next;
    this.list.put(...page.results);
  }

  async write(text) {
    this.list.put(await this.#rest.post(this.#path, { text }));
  }
}
