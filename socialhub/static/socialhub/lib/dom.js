/** Small helpers for the page's elements. All text goes in as text. */

export function byId(id) {
  return document.getElementById(id);
}

/** The element with `data-part="name"` inside `root`. */
export function part(root, name) {
  return root.querySelector(`[data-part="${name}"]`);
}

/** A new copy of the only element in the template. */
export function fromTemplate(id) {
  return byId(id).content.cloneNode(true).firstElementChild;
}

/** Set an element's text, only if it is another: what is read aloud is read once. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Unlike `disabled` this leaves the keyboard's focus where it is. */
export function setEnabled(button, enabled) {
  button.setAttribute("aria-disabled", String(!enabled));
}

export function isEnabled(button) {
  return button.getAttribute("aria-disabled") !== "true";
}

/** A count in a badge, as in `4 unread`, of which only the number is seen; hidden at zero. */
export function showCount(badge, count, what) {
  badge.hidden = !count;
  const shown = count > 99 ? "99+" : String(count);
  if (badge.dataset.count === shown) return;
  badge.dataset.count = shown;
  const hidden = document.createElement("span");
  hidden.className = "visually-hidden";
  hidden.textContent = ` ${what}`;
  badge.replaceChildren(shown, hidden);
}

/** Let a textarea grow with its text, up to its max-height. */
export function growing(textarea, signal) {
  const fit = () => {
    textarea.style.height = "auto";
    textarea.style.height = `${textarea.scrollHeight + 2}px`;
  };
  textarea.addEventListener("input", fit, { signal });
  return fit;
}

/** Enter sends, Shift+Enter breaks the line; on a touch screen Enter breaks the line. */
export function sendsOnEnter(textarea, signal) {
  textarea.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    if (matchMedia("(pointer: coarse)").matches) return;
    event.preventDefault();
    textarea.form.requestSubmit();
  }, { signal });
}

/** A text with each `@name` marked, as nodes. */
export function withMentions(text) {
  return text.split(/(?<![\w@.+-])(@[\w.+-]*\w)/).map((piece, index) => {
    if (index % 2 === 0) return document.createTextNode(piece);
    const mention = document.createElement("span");
    mention.className = "mention";
    mention.textContent = piece;
    return mention;
  });
}
