/** Moments as people write them; brought up to date every minute. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const relative = new Intl.RelativeTimeFormat("en", { numeric: "always", style: "narrow" });

/** How long ago, or on which day. */
export function ago(date, now = Date.now()) {
  const age = now - date;
  if (age < MINUTE) return "just now";
  if (age < HOUR) return relative.format(-Math.floor(age / MINUTE), "minute");
  if (age < 24 * HOUR) return relative.format(-Math.floor(age / HOUR), "hour");
  if (age < 7 * 24 * HOUR) return relative.format(-Math.floor(age / (24 * HOUR)), "day");
  return new Date(date).toLocaleDateString("en", { day: "numeric", month: "short", year: "numeric" });
}

/** The time of day. */
export function clock(date) {
  return new Date(date).toLocaleTimeString("en", { hour: "2-digit", minute: "2-digit", hour12: false });
}

/** Today, yesterday, or the date. */
export function day(date, now = new Date()) {
  const that = new Date(date);
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
  if (that.toDateString() === now.toDateString()) return "Today";
  if (that.toDateString() === yesterday.toDateString()) return "Yesterday";
  return that.toLocaleDateString("en", { weekday: "long", day: "numeric", month: "long" });
}

/** Show in a <time> how long ago `moment` (ISO 8601) was. */
export function showAgo(element, moment) {
  if (element.dateTime === moment) return;
  element.dateTime = moment;
  element.dataset.ago = "";
  element.title = new Date(moment).toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });
  element.textContent = ago(Date.parse(moment));
}

setInterval(() => {
  for (const element of document.querySelectorAll("time[data-ago]")) {
    element.textContent = ago(Date.parse(element.dateTime));
  }
}, MINUTE);
