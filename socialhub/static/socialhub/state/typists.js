/** Who is typing where, as others see it; and telling others that the user is. */

import { Changes } from "../lib/changes.js";

const RENEW_MS = 4000;
const STOP_MS = 3000; // without a keystroke
const FORGET_MS = 12_000; // the server ends it after 10 s

export class Typists extends Changes {
  #people; // conversation id -> Map(user id -> {name, timer})
  #service;
  #names;
  #own = { conversation: "", since: 0, timer: 0 };

  /** @param {(conversationId: string, userId: string) => string | undefined} names of people. */
  constructor(service, names) {
    super();
    this.#service = service;
    this.#names = names;
    this.#people = new Map();
    service.on("typing_start").subscribe(({ payload }) => this.#started(payload));
    service.on("typing_stop").subscribe(({ payload }) => this.#stopped(payload));
    service.on("message").subscribe(({ payload }) => {
      this.#stopped({ conversation_id: payload.conversation_id, user_id: payload.sender_id });
    });
  }

  /** `Bob is typing`, or "". */
  text(conversationId) {
    const names = [...(this.#people.get(conversationId)?.values() ?? [])].map((one) => one.name);
    if (names.length === 0) return "";
    if (names.length === 1) return `${names[0]} is typing…`;
    return names.length === 2 ? `${names.join(" and ")} are typing…` : "Several people are typing…";
  }

  /** The user has pressed a key in this conversation. */
  typed(conversationId) {
    if (this.#own.conversation !== conversationId) this.stop();
    const now = Date.now();
    if (now - this.#own.since > RENEW_MS) {
      this.#own = { conversation: conversationId, since: now, timer: this.#own.timer };
      this.#tell("typing_start");
    }
    clearTimeout(this.#own.timer);
    this.#own.timer = setTimeout(() => this.stop(), STOP_MS);
  }

  /** The user types no more. */
  stop() {
    clearTimeout(this.#own.timer);
    if (this.#own.since) this.#tell("typing_stop");
    this.#own = { conversation: "", since: 0, timer: 0 };
  }

  #tell(type) {
    // It is about now: not for the queue of what is sent when the connection is back.
    if (this.#service.status !== "connected") return;
    const { conversation } = this.#own;
    const payload = { conversation_id: conversation };
    this.#service.send({ type, channel: `conversation:${conversation}`, payload });
  }

  #started({ conversation_id: id, user_id, username }) {
    const here = this.#people.get(id) ?? new Map();
    clearTimeout(here.get(user_id)?.timer);
    const timer = setTimeout(() => this.#stopped({ conversation_id: id, user_id }), FORGET_MS);
    here.set(user_id, { name: this.#names(id, user_id) ?? username, timer });
    this.#people.set(id, here);
    this.changed();
  }

  #stopped({ conversation_id, user_id }) {
    const here = this.#people.get(conversation_id);
    if (!here?.has(user_id)) return;
    clearTimeout(here.get(user_id).timer);
    here.delete(user_id);
    this.changed();
  }
}
