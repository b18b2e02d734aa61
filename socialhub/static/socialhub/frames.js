/** The log of raw frames, for who writes a client. */

const KEPT = 50;
const SIGNS = { in: "← in", out: "→ out", note: "· note" };

export class FrameLog {
  #list;
  #template;

  constructor(list, template) {
    this.#list = list;
    this.#template = template;
  }

  /** @param direction "in", "out", or "note" for what is no frame. */
  add(direction, text) {
    const element = this.#template.content.cloneNode(true).firstElementChild;
    element.classList.add(direction);
    element.querySelector(".direction").textContent = SIGNS[direction];
    element.querySelector("time").textContent = new Date().toLocaleTimeString([], { hour12: false });
    element.querySelector("code").textContent = text;
    if (direction !== "note") element.querySelector("strong").textContent = JSON.parse(text).type ?? "";
    this.#list.prepend(element);
    if (this.#list.childElementCount > KEPT) this.#list.lastElementChild.remove();
  }
}
