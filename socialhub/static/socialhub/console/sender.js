/** The form that sends any frame: its fields, a template, and what is wrong with it. */

import { byId, fromTemplate, part, setText } from "../lib/dom.js";
import { problemsOf } from "./validate.js";

export class Sender {
  #schema;
  #send;
  #sent = 0;
  #text = byId("send-text");
  #choice = byId("send-type");

  /** @param {(frame: object) => void} send throws what the client has against it. */
  constructor(schema, send) {
    this.#schema = schema;
    this.#send = send;
    for (const type of schema.commands.keys()) this.#choice.append(new Option(type));
    this.#choice.addEventListener("change", () => this.#chosen());
    this.#text.addEventListener("input", () => this.#check());
    byId("send-reset").addEventListener("click", () => this.#fill());
    byId("sender").addEventListener("submit", (event) => this.#submit(event));
    this.#choice.value = schema.commands.has("heartbeat") ? "heartbeat" : this.#choice.value;
    this.#chosen();
  }

  #chosen() {
    const type = this.#choice.value;
    setText(byId("send-about"), this.#schema.about(type));
    byId("send-fields").replaceChildren(...this.#schema.fields(type).map(fieldView));
    this.#fill();
  }

  #fill() {
    const frame = this.#schema.template(this.#choice.value, `console_${this.#sent + 1}`);
    this.#text.value = JSON.stringify(frame, null, 2);
    this.#check();
  }

  /** Show what is wrong. @returns {{frame: any, problems: string[]}} */
  #check() {
    const { frame, problems } = this.#read();
    const list = byId("send-problems").querySelector("ul");
    const shown = [...list.children].map((item) => item.textContent);
    if (shown.join() !== problems.join()) list.replaceChildren(...problems.map(asItem));
    this.#text.setAttribute("aria-invalid", String(problems.length > 0));
    return { frame, problems };
  }

  #read() {
    let frame;
    try {
      frame = JSON.parse(this.#text.value);
    } catch (error) {
      return { problems: [`This is no JSON: ${error.message}.`] };
    }
    const { commands } = this.#schema;
    const schema = commands.get(frame?.type);
    if (!schema) return { frame, problems: [`type must be one of ${[...commands.keys()].join(", ")}.`] };
    return { frame, problems: problemsOf(frame, schema, (one) => this.#schema.resolve(one)) };
  }

  #submit(event) {
    event.preventDefault();
    const { frame, problems } = this.#check();
    const isObject = typeof frame === "object" && frame !== null && !Array.isArray(frame);
    if (!isObject || (problems.length && !byId("send-anyway").checked)) {
      this.#text.focus();
      return;
    }
    try {
      this.#send(frame);
    } catch (error) {
      byId("send-problems").querySelector("ul").replaceChildren(asItem(error.message));
      return;
    }
    setText(byId("console-status"), `${frame.type} sent`);
    this.#sent += 1;
    this.#renumber(frame);
  }

  /** The next frame wants an answer of its own. */
  #renumber(frame) {
    if (frame.ack_id !== `console_${this.#sent}`) return;
    this.#text.value = JSON.stringify({ ...frame, ack_id: `console_${this.#sent + 1}` }, null, 2);
  }
}

function asItem(text) {
  const item = document.createElement("li");
  item.textContent = text;
  return item;
}

function fieldView({ name, type, required, about }) {
  const element = fromTemplate("field-template");
  setText(part(element, "name"), name);
  setText(part(element, "required"), required ? "required" : "");
  setText(part(element, "type"), type);
  setText(part(element, "about"), about);
  return element;
}
