/**
 * One conversation's messages: pages of its history, events, and what waits to be sent.
 *
 * It stays when another conversation is opened: what could not be sent is still there then.
 */

import { Changes } from "../lib/changes.js";
import { reason } from "../lib/rest.js";
import { uuid } from "../lib/uuid.js";
import { Collection } from "./collection.js";

const PAGE_SIZE = 30;
const ACK_TIMEOUT_MS = 10_000;
// After these nobody knows whether it was sent: the same id makes sending it again safe.
const UNSURE = new Set(["TIMEOUT", "DISCONNECTED", "QUEUE_FULL"]);

export class Thread extends Changes {
  /** In the order in which they were said. */
  messages = new Collection((a, b) => a.position - b.position, known);
  /** What this page has sent and the server has not told yet, in order. */
  pending = [];
  problem = "";
  loaded = false;
  id;

  #rest;
  #service;
  #me;
  #next = null;

  constructor(rest, service, me, id) {
    super();
    this.#rest = rest;
    this.#service = service;
    this.#me = me;
    this.id = id;
    const mine = (take) => ({ payload }) => payload.conversation_id === id && take(payload);
    service.on("message").subscribe(mine((message) => this.#take(message)));
    service.on("read_receipt").subscribe(mine((receipt) => this.#read(receipt)));
    service.on("message_deleted").subscribe(mine((deletion) => this.#deleted(deletion)));
    this.messages.onChange(() => this.changed());
  }

  get hasEarlier() {
    return this.#next !== null;
  }

  /** Others' messages here that the user has not read. */
  get unread() {
    return this.messages
      .all()
      .filter((one) => one.sender_id !== this.#me.id && !one.is_read && !one.deleted_at);
  }

  /** Fetch the newest page. What it does not reach back to is fetched again by `loadEarlier`. */
  async load() {
    const since = this.messages.revision;
    try {
      const page = await this.#rest.get(`conversations/${this.id}/messages`, { page_size: PAGE_SIZE });
      this.#next = page.next;
      this.problem = "";
      this.loaded = true;
      this.messages.replace(page.results, since);
    } catch (error) {
      this.problem = reason(error);
    }
    this.changed();
  }

  /** @throws {ApiError} the server refused. */
  async loadEarlier() {
    const page = await this.#rest.getNext(`conversations/${this.id}/messages`, this.#next);
    this.#next = page.next;
    this.messages.put(...page.results);
  }

  /** Show it at once, and send it. */
  send(content) {
    const message = { id: uuid(), content, created_at: new Date().toISOString(), failure: "" };
    this.pending.push(message);
    this.#send(message);
  }

  /** Send again what was not sent; with the same id, so that it is never said twice. */
  retry(id) {
    const message = this.pending.find((one) => one.id === id);
    if (message?.failure) this.#send(message);
  }

  /** The connection is back: send again what may have been lost with it. */
  retryUnsure() {
    for (const { id, code } of this.pending) if (UNSURE.has(code)) this.retry(id);
  }

  /** Tell that what is shown of others was read. */
  markRead() {
    const ids = this.unread.map((message) => message.id);
    if (!ids.length) return;
    // Before the answer: what is marked once is not marked again.
    for (const id of ids) this.messages.patch(id, { is_read: true });
    this.#service.send({
      type: "read_receipt",
      channel: `conversation:${this.id}`,
      payload: { conversation_id: this.id, message_ids: ids },
    });
  }

  #send(message) {
    Object.assign(message, { failure: "", code: "" });
    this.changed();
    const frame = {
      id: message.id,
      type: "message",
      channel: `conversation:${this.id}`,
      payload: { conversation_id: this.id, content: message.content },
    };
    this.#service.sendWithAck(frame, ACK_TIMEOUT_MS).subscribe({
      next: ({ payload }) => {
        this.#settle(message.id);
        this.#take(payload.data);
      },
      error: (error) => {
        Object.assign(message, { failure: error.message || "Not sent", code: error.code });
        this.changed();
      },
    });
  }

  #take(message) {
    if (message.sender_id === this.#me.id && !this.messages.get(message.id)) {
      // The event may come before the ack, or without one: it names no client id.
      const sent = this.pending.find((one) => one.content === message.content);
      if (sent) this.#settle(sent.id);
    }
    this.messages.put(message);
  }

  #settle(id) {
    this.pending = this.pending.filter((one) => one.id !== id);
  }

  #read({ message_ids, user_id }) {
    for (const id of message_ids) {
      const message = this.messages.get(id);
      const mine = message?.sender_id === this.#me.id;
      // Of mine: somebody else has read it. Of others': I have.
      if (message && mine !== (user_id === this.#me.id)) this.messages.patch(id, { is_read: true });
    }
  }

  #deleted({ message_ids, deleted_at }) {
    for (const id of message_ids) this.messages.patch(id, { content: "", deleted_at });
  }
}

/** Of two versions of a message, what holds: it stays read, and deleted. */
function known(before, fresh) {
  const deleted_at = before.deleted_at ?? fresh.deleted_at;
  const content = deleted_at ? "" : fresh.content;
  return { ...fresh, content, deleted_at, is_read: before.is_read || fresh.is_read };
}
