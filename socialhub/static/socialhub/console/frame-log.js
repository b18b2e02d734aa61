/** Every frame in and out, newest first: filtered, paused, cleared, copied. */

import { byId, fromTemplate, part, setText } from "../lib/dom.js";
import { KeyedList } from "../lib/keyed-list.js";

const KEPT = 1000;
const SHOWN = 300;

export class FrameLog {
  #frames = []; // oldest first
  #held = 0; // how many came in while it was paused
  #paused = false;
  #last = 0;
  #drawing = false;
  #list = new KeyedList(byId("frames"), frameView);
  #filters = byId("filters");

  /** @param {Iterable<string>} types of frames, to choose from. */
  constructor(types) {
    const choice = this.#filters.elements.type;
    for (const type of types) choice.append(new Option(type));
    this.#filters.addEventListener("input", () => this.#draw());
    this.#filters.addEventListener("submit", (event) => event.preventDefault());
    byId("pause").addEventListener("click", () => this.#pause());
    byId("clear").addEventListener("click", () => this.#clear());
    byId("copy").addEventListener("click", () => this.#copy());
  }

  /** @param {{direction: string, at: Date, frame?: object, text: string}} logged */
  add({ direction, at, frame, text }) {
    const { type = "", channel = "" } = frame ?? {};
    this.#last += 1;
    this.#frames.push({ id: this.#last, direction, at, frame, text, type, channel: channel ?? "" });
    if (this.#frames.length > KEPT) this.#frames.shift();
    if (this.#paused) this.#held += 1;
    this.#drawSoon();
  }

  /** Those that the filters let through, oldest first. */
  get #wanted() {
    const { direction, type, channel, text } = this.#filters.elements;
    const needle = text.value.toLowerCase();
    const frames = this.#held ? this.#frames.slice(0, -this.#held) : this.#frames;
    return frames.filter((one) => (
      (!direction.value || one.direction === direction.value)
      && (!type.value || one.type === type.value)
      && one.channel.includes(channel.value.trim())
      && one.text.toLowerCase().includes(needle)
    ));
  }

  #drawSoon() {
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      this.#draw();
    });
  }

  #draw() {
    const wanted = this.#wanted;
    this.#list.show(wanted.slice(-SHOWN).reverse());
    const all = this.#frames.length;
    const held = this.#held ? `, ${this.#held} held back` : "";
    setText(byId("log-count"), `${wanted.length} of ${all}${held}`);
    setText(byId("log-note"), all ? "No frame fits the filters." : "No frames yet.");
    byId("log-note").hidden = wanted.length > 0;
  }

  #pause() {
    this.#paused = !this.#paused;
    this.#held = 0;
    byId("pause").setAttribute("aria-pressed", String(this.#paused));
    setText(byId("pause"), this.#paused ? "Go on" : "Pause");
    this.#draw();
  }

  #clear() {
    this.#frames = [];
    this.#held = 0;
    this.#draw();
    setText(byId("console-status"), "Cleared");
  }

  async #copy() {
    const lines = this.#wanted.map(({ direction, at, text }) => `${at.toISOString()} ${direction} ${text}`);
    try {
      await navigator.clipboard.writeText(lines.join("\n"));
      setText(byId("console-status"), `${lines.length} frames copied`);
      setText(byId("copy"), "Copied");
    } catch {
      setText(byId("copy"), "Not allowed");
    }
    setTimeout(() => setText(byId("copy"), "Copy"), 2000);
  }
}

function frameView({ direction, at, frame, text, type, channel }) {
  const element = fromTemplate("frame-template");
  element.classList.add(direction);
  const time = part(element, "time");
  time.dateTime = at.toISOString();
  setText(time, at.toISOString().slice(11, 23));
  setText(part(element, "direction"), direction);
  setText(part(element, "type"), type || "–");
  setText(part(element, "channel"), channel);
  setText(part(element, "text"), frame?.payload ? JSON.stringify(frame.payload) : text);
  element.querySelector("details").addEventListener("toggle", () => {
    setText(part(element, "full"), frame ? JSON.stringify(frame, null, 2) : text);
  }, { once: true });
  return { element, update() {} };
}
