/** One post alone, its comments open: where a notification leads. */

import { batched } from "../lib/changes.js";
import { byId, setText } from "../lib/dom.js";
import { KeyedList } from "../lib/keyed-list.js";
import { reason } from "../lib/rest.js";
import { PostCard } from "./post-card.js";

export class SinglePostView {
  #feed;
  #list;
  #id = "";

  constructor(context) {
    this.#feed = context.feed;
    this.#list = new KeyedList(byId("single-post"), (post) => new PostCard(context, post));
    this.#feed.posts.onChange(batched(() => this.#show()));
    context.resync.onChange(() => this.#id && this.open(this.#id));
  }

  async open(id) {
    this.#id = id;
    this.#note("");
    this.#show();
    try {
      await this.#feed.fetch(id);
    } catch (error) {
      if (id === this.#id) this.#note(`The post cannot be shown: ${reason(error)}.`);
    }
  }

  close() {
    this.#id = "";
    this.#list.show([]);
  }

  #show() {
    const post = this.#feed.posts.get(this.#id);
    this.#list.show(post ? [post] : []);
    if (post) this.#list.get(post.id).openDiscussion();
  }

  #note(text) {
    setText(byId("post-note"), text);
    byId("post-note").hidden = !text;
  }
}
