/** The list of conversations, with what was said last in each. */

import { batched } from "../lib/changes.js";
import { byId, fromTemplate, part, setText, showCount } from "../lib/dom.js";
import { KeyedList } from "../lib/keyed-list.js";
import { addDot, showAvatar } from "../lib/people.js";
import { reason } from "../lib/rest.js";
import { toast } from "../lib/say.js";
import { showAgo } from "../lib/time.js";

export class ConversationList {
  #context;
  #list;
  #open = "";

  constructor(context) {
    this.#context = context;
    const { conversations, typists } = context;
    this.#list = new KeyedList(byId("conversations"), (one) => new Entry(context, one));
    const show = batched(() => this.#show());
    conversations.onChange(show);
    typists.onChange(show);
    byId("older-conversations").addEventListener("click", () => this.#showOlder());
  }

  /** Mark the conversation that is open; "" for none. */
  mark(id) {
    this.#open = id;
    this.#show();
  }

  #show() {
    const { list, loaded, problem, hasMore } = this.#context.conversations;
    const all = list.all();
    this.#list.show(all);
    for (const { id } of all) this.#list.get(id).mark(id === this.#open);
    const note = byId("conversations-note");
    const empty = loaded ? "No conversations yet. Begin one with “New”." : "Loading…";
    setText(note, problem ? `The conversations could not be loaded: ${problem}.` : empty);
    note.hidden = all.length > 0 && !problem;
    byId("older-conversations").hidden = !hasMore;
  }

  async #showOlder() {
    try {
      await this.#context.conversations.loadOlder();
    } catch (error) {
      toast(`More conversations could not be loaded: ${reason(error)}.`);
    }
  }
}

class Entry {
  element = fromTemplate("conversation-template");

  #context;

  constructor(context, { id }) {
    this.#context = context;
    part(this.element, "link").href = `#/messages/${id}`;
  }

  update(conversation) {
    const { conversations, typists, presence, me } = this.#context;
    const title = conversations.title(conversation);
    const others = conversations.others(conversation);
    const avatar = part(this.element, "avatar");
    showAvatar(avatar, title, others.length === 1 ? others[0].id : conversation.id);
    if (others.length === 1 && !conversation.is_group) addDot(avatar, others[0].id, presence);
    setText(part(this.element, "name"), title);
    if (conversation.last_message) showAgo(part(this.element, "time"), conversation.last_message.created_at);
    const typing = typists.text(conversation.id);
    setText(part(this.element, "preview"), typing || preview(conversation, me));
    showCount(part(this.element, "unread"), conversation.unread_count, "unread");
    const link = part(this.element, "link");
    link.classList.toggle("unread", conversation.unread_count > 0);
    link.classList.toggle("is-typing", Boolean(typing));
  }

  mark(isOpen) {
    const link = part(this.element, "link");
    if (isOpen) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

function preview({ last_message: message, is_group }, me) {
  if (!message) return "Nothing said yet";
  if (message.deleted_at) return "This message was deleted";
  if (message.sender_id === me.id) return `You: ${message.content}`;
  return is_group && message.sender ? `${message.sender.display_name}: ${message.content}` : message.content;
}
