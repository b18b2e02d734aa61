/** People as they are shown: initials, colours, and a dot for their status. */

const TONES = 8;
export const STATUS_LABELS = { online: "Online", away: "Away", busy: "Busy", offline: "Offline" };

/** Make `element` the avatar of this person. */
export function showAvatar(element, name, key) {
  element.dataset.tone = String(tone(key));
  const dot = element.querySelector(".presence");
  element.textContent = initials(name);
  if (dot) element.append(dot);
  element.setAttribute("aria-hidden", "true");
}

/** An avatar's dot, which `presence` keeps up to date. */
export function addDot(avatar, userId, presence) {
  let dot = avatar.querySelector(".presence");
  if (!dot) {
    dot = document.createElement("span");
    dot.className = "presence";
    avatar.append(dot);
  }
  dot.dataset.presenceOf = userId;
  dot.dataset.status = presence.status(userId);
}

function initials(name) {
  const words = name.split(/\s+/).filter(Boolean);
  const last = words.length > 1 ? words.at(-1) : "";
  return [words[0], last].map((word) => [...(word ?? "")][0] ?? "").join("").toUpperCase() || "?";
}

function tone(key) {
  let sum = 0;
  for (const character of String(key)) sum = (sum * 31 + character.codePointAt(0)) % 9973;
  return sum % TONES;
}
