/** One message: what it says, when, and how far it has come. */

import { fromTemplate, part, setText, withMentions } from "../lib/dom.js";
import { clock, day } from "../lib/time.js";

// Of one's own: what is shown, and what is said of it.
const TICKS = {
  waiting: ["clock", "Waiting to be sent"],
  sent: ["tick", "Sent"],
  delivered: ["ticks", "Delivered"],
  read: ["ticks", "Read"],
};

export class MessageItem {
  element = fromTemplate("message-template");

  #text = null;

  /** @param {(id: string) => void} onRetry called to send again what was not sent. */
  constructor({ id }, onRetry) {
    part(this.element, "retry").addEventListener("click", () => onRetry(id));
  }

  /**
   * @param {object} shown a message, with
   *   `mine`, `tick` (a key of TICKS, "" for others'), `failure`,
   *   `sender` where a name is to be shown, `startsDay`, `isFirst` of several by one person.
   */
  update(shown) {
    const { element } = this;
    element.classList.toggle("mine", shown.mine);
    element.classList.toggle("first", shown.isFirst);
    element.classList.toggle("failed", Boolean(shown.failure));
    element.classList.toggle("deleted", Boolean(shown.deleted_at));
    this.#showText(shown.deleted_at ? "This message was deleted" : shown.content);
    part(element, "day").hidden = !shown.startsDay;
    setText(part(element, "day"), shown.startsDay ? day(shown.created_at) : "");
    part(element, "sender").hidden = !shown.senderName;
    setText(part(element, "sender"), shown.senderName);
    const time = part(element, "time");
    time.dateTime = shown.created_at;
    setText(time, clock(shown.created_at));
    this.#showTicks(shown.tick);
    part(element, "failed").hidden = !shown.failure;
  }

  #showText(text) {
    if (this.#text === text) return;
    this.#text = text;
    part(this.element, "text").replaceChildren(...withMentions(text));
  }

  #showTicks(tick) {
    const ticks = part(this.element, "ticks");
    ticks.hidden = !tick;
    if (!tick || ticks.dataset.tick === tick) return;
    ticks.dataset.tick = tick;
    const [icon, label] = TICKS[tick];
    const use = part(this.element, "tick-icon");
    use.setAttribute("href", `${use.dataset.base}#${icon}`);
    setText(part(this.element, "tick-label"), label);
  }
}
