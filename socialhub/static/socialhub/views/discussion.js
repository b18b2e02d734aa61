/** The comments on a post that is open, and the form for one more. */

import { batched } from "../lib/changes.js";
import { fromTemplate, growing, part, sendsOnEnter, setText, withMentions } from "../lib/dom.js";
import { KeyedList } from "../lib/keyed-list.js";
import { showAvatar } from "../lib/people.js";
import { reason } from "../lib/rest.js";
import { showAgo } from "../lib/time.js";
import { Comments } from "../state/comments.js";

export class Discussion {
  #place;
  #comments;
  #list;
  #sending = false;
  #ended = new AbortController();

  /** @param {Element} place the post's element for it, whose parts it fills. */
  constructor({ rest, feed, resync }, postId, place) {
    this.#place = place;
    this.#comments = new Comments(rest, postId);
    this.#list = new KeyedList(part(place, "comments"), commentView);
    this.#comments.list.onChange(batched(() => this.#show()));
    const { signal } = this.#ended;
    const form = part(place, "form");
    const field = part(place, "comment-text");
    const fit = growing(field, signal);
    sendsOnEnter(field, signal);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#write(field).then(fit);
    }, { signal });
    const showEarlier = () => this.#try(() => this.#comments.loadEarlier());
    part(place, "earlier").addEventListener("click", showEarlier, { signal });
    const load = () => this.#try(() => this.#comments.load());
    const unfollow = feed.onComment((id) => id === postId && load());
    const leave = resync.onChange(load);
    signal.addEventListener("abort", () => [unfollow, leave].forEach((stop) => stop()));
    load();
  }

  close() {
    this.#ended.abort();
    this.#list.show([]);
  }

  #show() {
    if (this.#ended.signal.aborted) return;
    this.#list.show(this.#comments.list.all());
    part(this.#place, "earlier").hidden = !this.#comments.hasEarlier;
  }

  async #write(field) {
    const text = field.value;
    if (!text.trim() || this.#sending) return;
    this.#sending = true;
    await this.#try(async () => {
      await this.#comments.write(text);
      if (field.value === text) field.value = "";
    });
    this.#sending = false;
  }

  async #try(action) {
    const problem = part(this.#place, "problem");
    setText(problem, "");
    try {
      await action();
    } catch (error) {
      setText(problem, `That did not work: ${reason(error)}.`);
    }
  }
}

function commentView({ author, text, created_at }) {
  const element = fromTemplate("comment-template");
  showAvatar(part(element, "avatar"), author.display_name, author.id);
  setText(part(element, "name"), author.display_name);
  showAgo(part(element, "time"), created_at);
  part(element, "text").replaceChildren(...withMentions(text));
  return { element, update() {} };
}
