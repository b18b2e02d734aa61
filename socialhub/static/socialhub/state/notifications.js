/** The user's notifications, from REST pages and events; each may tell of the same one. */

import { Changes } from "../lib/changes.js";
import { reason } from "../lib/rest.js";
import { Collection, number } from "./collection.js";

const PAGE_SIZE = 20;

export class Notifications extends Changes {
  /** Newest first. One that was read stays read. */
  list = new Collection(
    (a, b) => Date.parse(b.created_at) - Date.parse(a.created_at) || number(b.id) - number(a.id),
    (known, fresh) => ({ ...fresh, read: known.read || fresh.read }),
  );
  unread = 0;
  problem = "";
  loaded = false;

  #rest;
  #service;
  #next = null;
  #counted = 0; // how often the count was told
  #readThrough = -Infinity; // all up to this moment were read at once
  #unreadAgain = new Set(); // but for these, which came again unread since
  #arrived = new Set();

  constructor(rest, service) {
    super();
    this.#rest = rest;
    this.#service = service;
    service.on("notification").subscribe(({ payload }) => this.#arrive(payload));
    service.on("notification_read").subscribe(({ payload }) => this.#wasRead(payload));
    service.on("notification_read_all").subscribe(({ payload }) => this.#wereRead(payload));
    service.on("notification_deleted").subscribe(({ payload }) => {
      this.list.remove(payload.notification_id);
      this.#count(payload.unread_count);
    });
  }

  get hasMore() {
    return this.#next !== null;
  }

  /** @param {(notification) => void} listener told of each that arrives. */
  onArrival(listener) {
    this.#arrived.add(listener);
  }

  async load() {
    const counted = this.#counted;
    const since = this.list.revision;
    try {
      const [page, { unread_count }] = await Promise.all([
        this.#rest.get("notifications", { page_size: PAGE_SIZE }),
        this.#rest.get("notifications/unread-count"),
      ]);
      this.#next = page.next;
      this.problem = "";
      this.loaded = true;
      this.list.replace(page.results.map((one) => this.#withReadThrough(one)), since);
      // An event that came meanwhile is as new, or others will follow it.
      if (counted === this.#counted) this.#count(unread_count);
    } catch (error) {
      this.problem = reason(error);
    }
    this.changed();
  }

  /** @throws {ApiError} the server refused. */
  async loadOlder() {
    const page = await this.#rest.getNext("notifications", this.#next);
    this.#next = page.next;
    this.list.put(...page.results.map((one) => this.#withReadThrough(one)));
    this.changed();
  }

  /** Read here at once; the event tells the count, and the user's other tabs. */
  markRead(id) {
    if (this.list.get(id)?.read) return;
    this.list.patch(id, { read: true });
    this.#service.send({ type: "notification_read", payload: { notification_id: id } });
  }

  markAllRead() {
    this.#service.send({ type: "notification_read_all", payload: {} });
  }

  #arrive(payload) {
    const { unread_count, ...notification } = payload;
    // Events come in order: what this one says of being read holds, back to unread too.
    if (!notification.read) this.#unreadAgain.add(notification.id);
    this.list.put(notification);
    this.list.patch(notification.id, { read: notification.read });
    this.#count(unread_count);
    for (const listener of this.#arrived) listener(notification);
  }

  #wasRead({ notification_id, unread_count }) {
    this.#unreadAgain.delete(notification_id);
    this.list.patch(notification_id, { read: true });
    this.#count(unread_count);
  }

  #wereRead({ read_at, unread_count }) {
    this.#readThrough = Math.max(this.#readThrough, Date.parse(read_at));
    this.#unreadAgain.clear();
    this.list.put(...this.list.all().map((one) => this.#withReadThrough(one)));
    this.#count(unread_count);
  }

  #withReadThrough(notification) {
    const before = Date.parse(notification.created_at) <= this.#readThrough;
    const read = notification.read || (before && !this.#unreadAgain.has(notification.id));
    return { ...notification, read };
  }

  #count(unread) {
    this.#counted += 1;
    this.unread = unread;
    this.changed();
  }
}
