/** The feed: the form for a new post, the posts, and the pill that says there are newer ones. */

import { batched } from "../lib/changes.js";
import { byId, growing, part, setText } from "../lib/dom.js";
import { KeyedList } from "../lib/keyed-list.js";
import { reason } from "../lib/rest.js";
import { toast } from "../lib/say.js";
import { PostCard } from "./post-card.js";

export class FeedView {
  #feed;
  #list;
  #form = byId("post-form");
  #pill = byId("new-posts");

  /** @param {object} context what the page's parts share: see `home.js`. */
  constructor(context) {
    this.#feed = context.feed;
    this.#list = new KeyedList(byId("posts"), (post) => new PostCard(context, post));
    const show = batched(() => this.#show());
    this.#feed.onChange(show);
    this.#feed.posts.onChange(show);
    const fit = growing(byId("post-text"));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#write().then(fit);
    });
    this.#pill.addEventListener("click", () => this.#showNew());
    byId("older-posts").addEventListener("click", () => this.#showOlder());
  }

  /** The feed has come into sight. */
  open() {
    if (!this.#feed.loaded) this.#feed.load();
  }

  #show() {
    const { shown, loaded, problem, newCount, hasMore } = this.#feed;
    this.#list.show(shown);
    const note = byId("feed-note");
    const empty = loaded ? "Nothing here yet. Write the first post." : "Loading…";
    setText(note, problem ? `The posts could not be loaded: ${problem}.` : empty);
    note.hidden = !problem && shown.length > 0;
    byId("older-posts").hidden = !hasMore;
    this.#pill.hidden = !loaded || newCount === 0;
    setText(part(this.#pill, "text"), newCount === 1 ? "1 new post" : `${newCount} new posts`);
  }

  async #write() {
    const field = byId("post-text");
    const text = field.value;
    const problem = part(this.#form, "problem");
    setText(problem, "");
    if (!text.trim()) return;
    try {
      await this.#feed.write(text);
      if (field.value === text) field.value = "";
    } catch (error) {
      setText(problem, `Not posted: ${reason(error)}.`);
    }
  }

  async #showNew() {
    const known = new Set(this.#feed.posts.all().map((post) => post.id));
    await this.#feed.load();
    const added = this.#feed.posts.all().filter((post) => !known.has(post.id));
    scrollTo(0, 0);
    // The pill goes away under the keyboard: on to what it has brought.
    byId("feed-title").focus({ preventScroll: true });
    for (const { id } of added) this.#list.get(id)?.highlight();
  }

  async #showOlder() {
    try {
      await this.#feed.loadOlder();
    } catch (error) {
      toast(`Older posts could not be loaded: ${reason(error)}.`);
    }
  }
}
