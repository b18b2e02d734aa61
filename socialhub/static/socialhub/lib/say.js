/** What the page says in passing: seen for a few seconds, and read aloud once. */

import { byId, fromTemplate, part } from "./dom.js";

const SHOWN_MS = 6000;
const MOST = 3;

/** Show a short text, which screen readers say too. */
export function toast(text) {
  const place = byId("toasts");
  const element = fromTemplate("toast-template");
  part(element, "text").textContent = text;
  place.append(element);
  if (place.childElementCount > MOST) place.firstElementChild.remove();
  setTimeout(() => element.remove(), SHOWN_MS);
}

/** Say it to screen readers only: it can be seen elsewhere. */
export function announce(text) {
  byId("announcer").textContent = text;
}
