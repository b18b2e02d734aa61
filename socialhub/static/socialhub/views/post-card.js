/** One post: its text, its likes, and what is said about it. */

import { fromTemplate, part, setText, withMentions } from "../lib/dom.js";
import { addDot, showAvatar } from "../lib/people.js";
import { reason } from "../lib/rest.js";
import { toast } from "../lib/say.js";
import { showAgo } from "../lib/time.js";
import { Discussion } from "./discussion.js";

export class PostCard {
  element = fromTemplate("post-template");

  #context;
  #post;
  #text = null;
  #discussion = null;

  constructor(context, post) {
    this.#context = context;
    this.#post = post;
    const { author } = post;
    const avatar = part(this.element, "avatar");
    showAvatar(avatar, author.display_name, author.id);
    addDot(avatar, author.id, context.presence);
    setText(part(this.element, "name"), author.display_name);
    setText(part(this.element, "username"), `@${author.username}`);
    part(this.element, "like").addEventListener("click", () => this.#toggleLike());
    part(this.element, "discuss").addEventListener("click", () => this.#toggleDiscussion());
  }

  update(post) {
    this.#post = post;
    showAgo(part(this.element, "time"), post.created_at);
    if (this.#text !== post.text) {
      this.#text = post.text;
      part(this.element, "text").replaceChildren(...withMentions(post.text));
    }
    const like = part(this.element, "like");
    like.setAttribute("aria-pressed", String(post.liked_by_me));
    like.setAttribute("aria-label", `Like, ${counted(post.likes_count, "like")}`);
    setText(part(this.element, "likes"), post.likes_count ? String(post.likes_count) : "Like");
    const label = post.comments_count ? counted(post.comments_count, "comment") : "Comment";
    setText(part(this.element, "comments-count"), label);
  }

  /** Show that it has just come in. */
  highlight() {
    this.element.classList.add("is-new");
  }

  /** Show the comments, if they are not shown yet. */
  openDiscussion() {
    if (part(this.element, "discussion").hidden) this.#toggleDiscussion();
  }

  #toggleDiscussion() {
    const place = part(this.element, "discussion");
    place.hidden = !place.hidden;
    part(this.element, "discuss").setAttribute("aria-expanded", String(!place.hidden));
    if (place.hidden) {
      this.#discussion.close();
      this.#discussion = null;
    } else {
      this.#discussion = new Discussion(this.#context, this.#post.id, place);
    }
  }

  async #toggleLike() {
    try {
      await this.#context.feed.setLiked(this.#post.id, !this.#post.liked_by_me);
    } catch (error) {
      toast(`Your like was not stored: ${reason(error)}.`);
    }
  }
}

function counted(count, what) {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
