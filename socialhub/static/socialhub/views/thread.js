/** The open conversation: its messages, who is typing, and the form for the next message. */

import { batched } from "../lib/changes.js";
import { byId, growing, part, sendsOnEnter, setText } from "../lib/dom.js";
import { KeyedList } from "../lib/keyed-list.js";
import { addDot, showAvatar, STATUS_LABELS } from "../lib/people.js";
import { reason } from "../lib/rest.js";
import { announce, toast } from "../lib/say.js";
import { Thread } from "../state/thread.js";
import { shownMessages } from "./messages-shown.js";
import { MessageItem } from "./message-item.js";
import { StickyScroll } from "./sticky-scroll.js";

export class ThreadView {
  #context;
  #threads = new Map(); // those that were open, by id
  #thread = null;
  #list = null;
  #scroll;
  #drafts = new Map(); // what was typed in each conversation, and not sent
  #field = byId("message-text");
  #fit;
  #soon = batched(() => this.#show());

  constructor(context) {
    this.#context = context;
    const { conversations, presence, typists, service, resync } = context;
    this.#scroll = new StickyScroll(byId("thread-scroll"), byId("jump-down"));
    this.#fit = growing(this.#field);
    sendsOnEnter(this.#field);
    byId("message-form").addEventListener("submit", (event) => this.#send(event));
    this.#field.addEventListener("input", () => this.#typed());
    this.#field.addEventListener("blur", () => typists.stop());
    byId("older-messages").addEventListener("click", () => this.#showEarlier());
    for (const one of [conversations, presence, typists]) one.onChange(this.#soon);
    resync.onChange(() => this.#thread?.load());
    service.status$.subscribe((status) => {
      const isLive = status === "connected" || status === "polling";
      if (isLive) for (const thread of this.#threads.values()) thread.retryUnsure();
      this.#soon();
    });
    service.on("message").subscribe(({ payload }) => this.#heard(payload));
    for (const event of ["visibilitychange", "focusin"]) document.addEventListener(event, this.#soon);
    addEventListener("focus", this.#soon);
  }

  /** The conversation that is open; "" for none. */
  get id() {
    return this.#thread?.id ?? "";
  }

  /** Show this conversation. */
  open(id) {
    if (this.#thread?.id === id) return;
    this.close();
    const thread = this.#threads.get(id) ?? this.#begin(id);
    this.#thread = thread;
    this.#list = new KeyedList(byId("thread-messages"), (message) => (
      new MessageItem(message, (pending) => thread.retry(pending))
    ));
    this.#field.value = this.#drafts.get(id) ?? "";
    this.#fit();
    this.#scroll.reset();
    this.#show();
    thread.load();
  }

  close() {
    if (!this.#thread) return;
    this.#drafts.set(this.#thread.id, this.#field.value);
    this.#context.typists.stop();
    this.#list.show([]);
    this.#thread = null;
  }

  #begin(id) {
    const { rest, service, me } = this.#context;
    const thread = new Thread(rest, service, me, id);
    thread.onChange(this.#soon);
    this.#threads.set(id, thread);
    return thread;
  }

  #show() {
    if (!this.#thread) return;
    this.#showHead();
    const { loaded, problem, hasEarlier, pending, messages } = this.#thread;
    const { me, conversations, service } = this.#context;
    const isGroup = conversations.list.get(this.#thread.id)?.is_group ?? false;
    const connected = service.status === "connected" || service.status === "polling";
    this.#scroll.keep(() => {
      this.#list.show(shownMessages(messages.all(), pending, { me, isGroup, connected }));
      byId("older-messages").hidden = !hasEarlier;
    });
    const empty = loaded ? "Nothing said yet." : "Loading…";
    const isEmpty = messages.size + pending.length === 0;
    setText(byId("thread-note"), problem ? `Not loaded: ${problem}.` : isEmpty ? empty : "");
    const typing = this.#context.typists.text(this.#thread.id);
    byId("typing").classList.toggle("is-typing", Boolean(typing));
    setText(part(byId("typing"), "text"), typing);
    // Read is what is in sight of somebody: not in a window that is behind another.
    if (document.visibilityState === "visible" && document.hasFocus()) this.#thread.markRead();
  }

  #showHead() {
    const { conversations, presence } = this.#context;
    const conversation = conversations.list.get(this.#thread.id);
    if (!conversation) return;
    const title = conversations.title(conversation);
    const others = conversations.others(conversation);
    const avatar = byId("thread-avatar");
    avatar.querySelector(".presence")?.remove();
    showAvatar(avatar, title, others.length === 1 ? others[0].id : conversation.id);
    setText(byId("thread-title"), title);
    if (conversation.is_group) {
      const names = others.map((person) => person.display_name);
      setText(byId("thread-about"), [...names, "you"].join(", "));
    } else if (others.length === 1) {
      addDot(avatar, others[0].id, presence);
      setText(byId("thread-about"), STATUS_LABELS[presence.status(others[0].id)]);
    }
  }

  #send(event) {
    event.preventDefault();
    const content = this.#field.value;
    if (!content.trim() || !this.#thread) return;
    this.#field.value = "";
    this.#fit();
    this.#context.typists.stop();
    this.#scroll.toEnd();
    this.#thread.send(content);
    this.#field.focus();
  }

  #typed() {
    if (!this.#thread) return;
    if (this.#field.value.trim()) this.#context.typists.typed(this.#thread.id);
    else this.#context.typists.stop();
  }

  #heard(message) {
    const isHere = message.conversation_id === this.#thread?.id;
    if (!isHere || message.sender_id === this.#context.me.id) return;
    announce(`${message.sender?.display_name ?? "Somebody"}: ${message.content}`);
  }

  async #showEarlier() {
    try {
      await this.#thread.loadEarlier();
    } catch (error) {
      toast(`Earlier messages could not be loaded: ${reason(error)}.`);
    }
  }
}
