/**
 * The list of notifications: REST pages and live events, merged by id.
 *
 * Both may tell of the same notification in any order, so nothing here depends
 * on it: a notification that was read once stays read.
 */

export class Inbox {
  #list;
  #template;
  #onRead;
  #items = new Map(); // id -> {notification, element}
  #readThrough = -Infinity; // all up to this time were read at once

  /**
   * @param list the <ol>.
   * @param template the <template> of an item.
   * @param onRead called with the id of a notification to mark read.
   */
  constructor(list, template, onRead) {
    this.#list = list;
    this.#template = template;
    this.#onRead = onRead;
  }

  get size() {
    return this.#items.size;
  }

  ids() {
    return new Set(this.#items.keys());
  }

  /**
   * Take notifications in, known or not.
   *
   * @param highlight whether one that is new here is shown as such.
   * @returns {object[]} those that were not known.
   */
  merge(notifications, { highlight = false } = {}) {
    return notifications.filter((notification) => {
      const known = this.#items.get(notification.id);
      if (known) {
        if (notification.read) this.markRead(notification.id);
        return false;
      }
      this.#insert(notification, highlight);
      return true;
    });
  }

  /** Forget these; the server no longer has them. */
  remove(ids) {
    for (const id of ids) {
      this.#items.get(id)?.element.remove();
      this.#items.delete(id);
    }
  }

  markRead(id) {
    const item = this.#items.get(id);
    if (!item || item.notification.read) return;
    item.notification.read = true;
    this.#show(item);
  }

  /** All that there were at that time, also those that are yet to be loaded. */
  markAllRead(readAt) {
    this.#readThrough = Math.max(this.#readThrough, Date.parse(readAt));
    for (const [id, { notification }] of this.#items) {
      if (this.#wasReadWithAll(notification)) this.markRead(id);
    }
  }

  /** Whether it is the newest of all. */
  isNewest(notification) {
    return this.#list.firstElementChild === this.#items.get(notification.id)?.element;
  }

  #wasReadWithAll(notification) {
    return Date.parse(notification.created_at) <= this.#readThrough;
  }

  #insert(given, highlight) {
    const notification = { ...given, read: given.read || this.#wasReadWithAll(given) };
    const element = this.#template.content.cloneNode(true).firstElementChild;
    element.querySelector(".message").textContent = notification.message;
    element.querySelector(".type").textContent = notification.type;
    const time = element.querySelector("time");
    time.dateTime = notification.created_at;
    time.textContent = shortTime(new Date(notification.created_at));
    element.querySelector("button").setAttribute("aria-label", `Mark read: ${notification.message}`);
    element.querySelector("button").addEventListener("click", () => this.#onRead(notification.id));
    element.classList.toggle("is-new", highlight);
    const item = { notification, element };
    this.#items.set(notification.id, item);
    this.#show(item);
    this.#list.insertBefore(element, this.#firstOlder(notification)?.element ?? null);
  }

  #firstOlder(notification) {
    let first = null;
    for (const item of this.#items.values()) {
      const isOlder = newestFirst(notification, item.notification) < 0;
      if (isOlder && (!first || newestFirst(item.notification, first.notification) < 0)) first = item;
    }
    return first;
  }

  #show({ notification, element }) {
    element.classList.toggle("unread", !notification.read);
    const button = element.querySelector("button");
    if (notification.read && document.activeElement === button) this.#moveFocus(element);
    button.hidden = notification.read;
  }

  /** The button goes away under the keyboard: on to the next one, or the list's title. */
  #moveFocus(element) {
    const buttons = [...this.#list.querySelectorAll("button:not([hidden])")];
    const own = buttons.indexOf(element.querySelector("button"));
    const title = document.getElementById(this.#list.getAttribute("aria-labelledby"));
    (buttons[own + 1] ?? buttons[own - 1] ?? title).focus();
  }
}

function newestFirst(a, b) {
  return (
    Date.parse(b.created_at) - Date.parse(a.created_at) ||
    b.id.localeCompare(a.id, "en", { numeric: true })
  );
}

function shortTime(date) {
  const today = date.toDateString() === new Date().toDateString();
  return today
    ? date.toLocaleTimeString([], { timeStyle: "short" })
    : date.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}
