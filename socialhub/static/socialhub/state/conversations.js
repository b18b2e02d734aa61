/** The user's conversations: with whom, what was said last, and how much of it is unread. */

import { Changes } from "../lib/changes.js";
import { reason } from "../lib/rest.js";
import { Collection } from "./collection.js";

const RELOAD_SOON_MS = 300;

export class Conversations extends Changes {
  /** Where something was said last comes first. */
  list = new Collection(
    (a, b) => Date.parse(b.last_activity_at) - Date.parse(a.last_activity_at),
    newer,
  );
  problem = "";
  loaded = false;

  #rest;
  #service;
  #me;
  #next = null;
  #left = new Set(); // ids of those that the user takes part in no more
  #joined = new Set();
  #reloading = 0;

  constructor(rest, service, me) {
    super();
    this.#rest = rest;
    this.#service = service;
    this.#me = me;
    service.on("message").subscribe(({ payload }) => this.#said(payload));
    service.on("read_receipt").subscribe(({ payload }) => this.#read(payload));
    service.on("message_deleted").subscribe(() => this.#reloadSoon());
    service.on("participants_added").subscribe(() => this.#reloadSoon());
    service.on("participant_left").subscribe(({ payload }) => this.#leave(payload));
    this.list.onChange(() => this.changed());
  }

  get hasMore() {
    return this.#next !== null;
  }

  /** How many messages are unread, in all conversations that are loaded. */
  get unread() {
    return this.list.all().reduce((sum, one) => sum + one.unread_count, 0);
  }

  /** The others in it; nobody, where all have left. */
  others(conversation) {
    return conversation.participants.filter((person) => person.id !== this.#me.id);
  }

  /** Whether the user was in it, and is no more. */
  wasLeft(id) {
    return this.#left.has(id);
  }

  /** What it is called. */
  title(conversation) {
    const names = this.others(conversation).map((person) => person.display_name);
    return conversation.title || names.join(", ") || "Nobody else";
  }

  /** Fetch the newest page, and follow what is said in those. */
  async load() {
    const since = this.list.revision;
    try {
      const page = await this.#rest.get("conversations");
      if (!this.loaded) this.#next = page.next;
      this.problem = "";
      this.loaded = true;
      this.#take(page.results);
      if (!page.next) this.list.replace(page.results, since); // these are all
    } catch (error) {
      this.problem = reason(error);
    }
    this.changed();
  }

  /** @throws {ApiError} the server refused. */
  async loadOlder() {
    const page = await this.#rest.getNext("conversations", this.#next);
    this.#next = page.next;
    this.#take(page.results);
    this.changed();
  }

  /**
   * The conversation with this person, a new one if need be.
   *
   * @returns {Promise<string>} its id.
   * @throws {ApiError} the server refused.
   */
  async begin(userId) {
    const conversation = await this.#rest.post("conversations", { participant_ids: [userId] });
    this.#take([conversation]);
    return conversation.id;
  }

  #take(conversations) {
    this.list.put(...conversations);
    for (const { id } of conversations) this.#join(id);
  }

  #join(id) {
    if (this.#joined.has(id)) return;
    this.#joined.add(id);
    this.#service.subscribe(`conversation:${id}`).subscribe({
      next: ({ snapshot }) => {
        // Said after the list was made, and before the channel was joined.
        if (snapshot.last_position > this.list.get(id)?.last_position) this.#reloadSoon();
      },
      error: () => this.#joined.delete(id),
    });
  }

  #said(message) {
    const known = this.list.get(message.conversation_id);
    if (!known) return this.#reloadSoon();
    if (message.position <= known.last_position) return undefined;
    const isUnread = message.sender_id !== this.#me.id && message.position > known.last_read_position;
    return this.list.patch(known.id, {
      last_message: message,
      last_position: message.position,
      last_activity_at: message.created_at,
      unread_count: known.unread_count + (isUnread ? 1 : 0),
    });
  }

  #read({ conversation_id, user_id, message_ids, last_read_position }) {
    const known = this.list.get(conversation_id);
    if (!known) return;
    if (user_id === this.#me.id) {
      const all = last_read_position >= known.last_position;
      const position = Math.max(last_read_position, known.last_read_position);
      this.list.patch(known.id, {
        last_read_position: position,
        unread_count: all ? 0 : Math.max(0, known.unread_count - message_ids.length),
      });
    } else if (message_ids.includes(known.last_message?.id)) {
      this.list.patch(known.id, { last_message: { ...known.last_message, is_read: true } });
    }
  }

  #leave({ conversation_id, user_id }) {
    if (user_id !== this.#me.id) return this.#reloadSoon();
    this.#joined.delete(conversation_id);
    this.#left.add(conversation_id);
    this.#service.unsubscribe(`conversation:${conversation_id}`);
    return this.list.remove(conversation_id);
  }

  #reloadSoon() {
    clearTimeout(this.#reloading);
    this.#reloading = setTimeout(() => this.load(), RELOAD_SOON_MS);
  }
}

/** Of two versions, what holds: positions never go back. */
function newer(known, fresh) {
  if (fresh.last_position < known.last_position) return known;
  if (fresh.last_read_position >= known.last_read_position) return fresh;
  const { last_read_position, unread_count } = known;
  return { ...fresh, last_read_position, unread_count };
}
