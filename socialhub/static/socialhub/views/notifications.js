/** The list of notifications. Each leads to what it is about, and is read then. */

import { batched } from "../lib/changes.js";
import { byId, fromTemplate, isEnabled, part, setEnabled, setText } from "../lib/dom.js";
import { KeyedList } from "../lib/keyed-list.js";
import { showAvatar } from "../lib/people.js";
import { currentRoute } from "../lib/router.js";
import { reason } from "../lib/rest.js";
import { toast } from "../lib/say.js";
import { showAgo } from "../lib/time.js";

export class NotificationsView {
  #notifications;
  #list;

  constructor({ notifications }) {
    this.#notifications = notifications;
    this.#list = new KeyedList(byId("notifications"), (one) => new Entry(one, (id) => this.#markRead(id)));
    const show = batched(() => this.#show());
    notifications.onChange(show);
    notifications.list.onChange(show);
    notifications.onArrival((one) => this.#arrived(one));
    byId("older-notifications").addEventListener("click", () => this.#showOlder());
    byId("read-all").addEventListener("click", () => {
      if (isEnabled(byId("read-all"))) notifications.markAllRead();
    });
  }

  #show() {
    const { list, loaded, problem, unread, hasMore } = this.#notifications;
    this.#list.show(list.all());
    const note = byId("notifications-note");
    const empty = loaded ? "Nothing yet. Likes, comments and mentions come here." : "Loading…";
    setText(note, problem ? `The notifications could not be loaded: ${problem}.` : empty);
    note.hidden = list.size > 0 && !problem;
    byId("older-notifications").hidden = !hasMore;
    setEnabled(byId("read-all"), unread > 0);
  }

  #markRead(id) {
    this.#list.get(id).moveFocus(byId("notifications-title"));
    this.#notifications.markRead(id);
  }

  #arrived(notification) {
    // What is said in the conversation that is open is heard there.
    const { view, id } = currentRoute();
    const isOpen = view === "messages" && id && id === notification.extra?.conversation_id;
    if (!isOpen && !notification.read) toast(notification.message);
  }

  async #showOlder() {
    try {
      await this.#notifications.loadOlder();
    } catch (error) {
      toast(`Older notifications could not be loaded: ${reason(error)}.`);
    }
  }
}

class Entry {
  element = fromTemplate("notification-template");

  constructor({ id }, onRead) {
    const read = () => onRead(id);
    part(this.element, "read").addEventListener("click", read);
    part(this.element, "link").addEventListener("click", read);
  }

  update(notification) {
    const { element } = this;
    const { actor_id, actor_name, message, created_at, read } = notification;
    showAvatar(part(element, "avatar"), actor_name ?? "SocialHub", actor_id ?? "site");
    setText(part(element, "message"), message);
    showAgo(part(element, "time"), created_at);
    setText(part(element, "state"), read ? "" : ", unread");
    setText(part(element, "read-label"), `Mark as read: ${message}`);
    part(element, "read").hidden = read;
    element.classList.toggle("unread", !read);
    const link = part(element, "link");
    const target = targetOf(notification);
    if (target) link.setAttribute("href", target);
    else link.removeAttribute("href");
  }

  /** Its button is about to go away: the keyboard goes on to the next one, or to the title. */
  moveFocus(title) {
    if (document.activeElement !== part(this.element, "read")) return;
    const buttons = [...this.element.parentElement.querySelectorAll(".mark-read:not([hidden])")];
    const own = buttons.indexOf(document.activeElement);
    (buttons[own + 1] ?? buttons[own - 1] ?? title).focus();
  }
}

/** Where a notification leads; "" where there is nothing to see. */
function targetOf({ type, post_id, extra }) {
  if (extra?.conversation_id) return `#/messages/${extra.conversation_id}`;
  if (post_id) return `#/posts/${post_id}`;
  return type === "follow" ? "#/people" : "";
}
