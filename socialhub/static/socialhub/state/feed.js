/** The feed's posts. Events say that something has happened to a post; REST says what it is now. */

import { Changes } from "../lib/changes.js";
import { ApiError, reason } from "../lib/rest.js";
import { Collection, number } from "./collection.js";

const CHANNEL = "feed:updates";
const PAGE_SIZE = 10;

export class Feed extends Changes {
  /** Newest first. */
  posts = new Collection(
    (a, b) => number(b.id) - number(a.id),
    (known, fresh) => (fresh.asOf >= known.asOf ? fresh : known),
  );
  /** Why the posts could not be loaded; "" where they were. */
  problem = "";
  loaded = false;

  #rest;
  #service;
  #me;
  #next = null;
  #oldest = 0; // the number of the oldest post of the pages that were loaded
  #asked = 0; // requests in the order in which they were made: a later one knows more
  #counted = 0; // new posts, as the server counts them
  #unseen = new Set(); // new posts, of which events told: those of the last second too
  #fetches = new Map(); // post id -> whether to fetch it once more
  #commented = new Set();

  constructor(rest, service, me) {
    super();
    this.#rest = rest;
    this.#service = service;
    this.#me = me;
    service.on("feed_update").subscribe(({ payload }) => this.#take(payload));
    service.on("count_update").subscribe(({ payload }) => this.#count(payload));
    this.#join();
  }

  /** How many posts of others there are that the user has not seen. */
  get newCount() {
    return Math.max(this.#counted, this.#unseen.size);
  }

  /** The posts as far back as pages were loaded; one that was fetched alone may be older. */
  get shown() {
    if (!this.loaded) return [];
    return this.posts.all().filter((post) => number(post.id) >= this.#oldest);
  }

  /** Whether there are older posts to load. */
  get hasMore() {
    return this.#next !== null;
  }

  /** @param {(postId: string) => void} listener told when somebody comments on a post. */
  onComment(listener) {
    this.#commented.add(listener);
    return () => this.#commented.delete(listener);
  }

  /** Fetch the newest page; what was new has then been seen. */
  async load() {
    const asOf = ++this.#asked;
    const since = this.posts.revision;
    try {
      const page = await this.#rest.get("posts", { page_size: PAGE_SIZE });
      this.#turnTo(page);
      this.problem = "";
      this.loaded = true;
      this.posts.replace(page.results.map((post) => ({ ...post, asOf })), since);
      this.#service.send({ type: "feed_seen", payload: {} });
      this.#counted = 0;
      for (const { id } of page.results) this.#unseen.delete(id);
    } catch (error) {
      this.problem = reason(error);
    }
    this.changed();
  }

  /** Events are missing: fetch all anew, and the count too. */
  async reload() {
    this.#join();
    if (this.loaded) await this.load();
  }

  /** @throws {ApiError} the server refused. */
  async loadOlder() {
    const asOf = ++this.#asked;
    const page = await this.#rest.getNext("posts", this.#next);
    this.#turnTo(page);
    this.posts.put(...page.results.map((post) => ({ ...post, asOf })));
    this.changed();
  }

  /**
   * Have this post, as it is now.
   *
   * @throws {ApiError} there is none.
   */
  async fetch(id) {
    const asOf = ++this.#asked;
    try {
      const post = await this.#rest.get(`posts/${id}`);
      this.posts.put({ ...post, asOf });
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) this.posts.remove(id);
      throw error;
    }
  }

  /** @throws {ApiError} the server refused. */
  async write(text) {
    const asOf = ++this.#asked;
    const post = await this.#rest.post("posts", { text });
    this.posts.put({ ...post, asOf });
  }

  /**
   * Like a post, or no longer: at once here, then on the server.
   *
   * @throws {ApiError} the server refused; then it is as before.
   */
  async setLiked(id, liked) {
    const before = this.posts.get(id);
    if (!before || before.liked_by_me === liked) return;
    const asOf = ++this.#asked;
    const likes_count = before.likes_count + (liked ? 1 : -1);
    this.posts.patch(id, { liked_by_me: liked, likes_count, asOf });
    try {
      const path = `posts/${id}/like`;
      await (liked ? this.#rest.post(path) : this.#rest.delete(path));
    } catch (error) {
      const { liked_by_me, likes_count } = before;
      if (this.posts.get(id)?.asOf === asOf) this.posts.patch(id, { liked_by_me, likes_count });
      throw error;
    }
  }

  #turnTo(page) {
    this.#next = page.next;
    this.#oldest = page.next ? number(page.results.at(-1).id) : 0;
  }

  #join() {
    this.#service.subscribe(CHANNEL).subscribe({
      next: ({ snapshot }) => this.#count(snapshot),
      error: () => {}, // the count comes with the next post
    });
  }

  #count({ new_posts_count }) {
    this.#counted = new_posts_count;
    this.changed();
  }

  #take({ type, post_id: id, user_id }) {
    if (type === "post_deleted") {
      this.posts.remove(id);
      this.#unseen.delete(id);
    } else if (this.posts.get(id)) this.#refresh(id);
    else if (type === "new_post" && user_id === this.#me.id) this.#refresh(id);
    // Others' new posts wait until they are asked for: nothing moves under the reader.
    else if (type === "new_post") this.#unseen.add(id);
    this.changed();
    if (type === "post_commented") for (const listener of this.#commented) listener(id);
  }

  /** One request at a time for each post, and one after the last event. */
  async #refresh(id) {
    if (this.#fetches.has(id)) {
      this.#fetches.set(id, true);
      return;
    }
    do {
      this.#fetches.set(id, false);
      await this.fetch(id).catch(() => {}); // gone, or told by the next event
    } while (this.#fetches.get(id));
    this.#fetches.delete(id);
  }
}
