/** The channels that the console follows, besides the user's notifications. */

import { byId, fromTemplate, part, setText } from "../lib/dom.js";

export class Channels {
  #service;
  #chips = new Map();

  constructor(service) {
    this.#service = service;
    byId("follow").addEventListener("submit", (event) => {
      event.preventDefault();
      const field = byId("follow-channel");
      this.#follow(field.value.trim());
      field.value = "";
    });
    service.refused$.subscribe(({ channel }) => this.#remove(channel));
  }

  #follow(channel) {
    setText(byId("follow-problem"), "");
    if (!channel) return;
    this.#service.subscribe(channel).subscribe({
      next: () => this.#add(channel),
      error: (error) => {
        this.#remove(channel);
        setText(byId("follow-problem"), `${channel}: ${error.message}`);
      },
    });
  }

  #add(channel) {
    if (this.#chips.has(channel)) return;
    const chip = fromTemplate("channel-template");
    setText(part(chip, "name"), channel);
    const leave = part(chip, "leave");
    leave.setAttribute("aria-label", `Follow ${channel} no more`);
    leave.addEventListener("click", () => {
      this.#service.unsubscribe(channel);
      this.#remove(channel);
      byId("follow-channel").focus();
    });
    this.#chips.set(channel, chip);
    byId("channels").append(chip);
  }

  #remove(channel) {
    this.#chips.get(channel)?.remove();
    this.#chips.delete(channel);
  }
}
