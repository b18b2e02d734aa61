/** The inbox page: what the client reports becomes what the visitor sees. */

import { request } from "./api.js";
import { FrameLog } from "./frames.js";
import { Inbox } from "./inbox.js";
import { Realtime } from "./realtime.js";

const PAGE_SIZE = 20;
const CUT_SECONDS = 5;
const RELOAD_RETRY_SECONDS = 5;
const NOTICE_SECONDS = 8;

const LABELS = {
  connecting: "Connecting",
  live: "Live",
  reconnecting: "Reconnecting",
  polling: "Polling",
  offline: "Offline",
  ended: "Disconnected",
};
const DETAILS = {
  connecting: "Opening a WebSocket.",
  live: "Events arrive by WebSocket, as they happen.",
  reconnecting: "There is no WebSocket.",
  polling: "No WebSocket can be opened: events arrive by long polling.",
  offline: "The server does not answer. Trying again and again.",
};
const ENDINGS = {
  4501: "You are signed out, or your access has ended. Reload the page to sign in.",
  4503: "This account is disabled.",
  4529: "This page sent too much. Reload it to go on.",
};

const element = (id) => document.getElementById(id);
const urls = element("app").dataset;
const title = document.title;

const frames = new FrameLog(element("frames"), element("frame-template"));
const inbox = new Inbox(element("notifications"), element("notification-template"), markRead);
const client = new Realtime({
  userId: urls.userId,
  tokenUrl: urls.tokenUrl,
  pollUrl: urls.pollUrl,
  listener: {
    state: showState,
    event: takeEvent,
    snapshot: (channels) => showUnread(channels.notifications?.unread_count),
    stale: reload,
    recovered: (count) => notice(recoveredText(count)),
    cursor: showCursor,
    frame: (direction, text) => frames.add(direction, text),
  },
});

let unreadChanges = 0;
let reloads = 0;
let olderUrl = null;
let retryAt = 0;
let noticeTimer = 0;

// --- events --------------------------------------------------------------------------

function takeEvent({ type, payload }) {
  showUnread(payload.unread_count);
  if (type === "notification") {
    const [added] = inbox.merge([payload], { highlight: true });
    // Events replayed from long ago find their place in silence.
    if (added && inbox.isNewest(added)) element("announcer").textContent = added.message;
  } else if (type === "notification_read") {
    inbox.markRead(payload.notification_id);
  } else if (type === "notification_read_all") {
    inbox.markAllRead(payload.read_at);
  } else if (type === "notification_deleted") {
    inbox.remove([payload.notification_id]);
  }
  showEmptiness();
}

/** Fetch the state: at the beginning, and when events are missing. */
async function reload() {
  const mine = ++reloads;
  const known = inbox.ids();
  const changes = unreadChanges;
  try {
    const [page, unread] = await Promise.all([
      request(`${urls.listUrl}?page_size=${PAGE_SIZE}`),
      request(urls.countUrl),
    ]);
    if (mine !== reloads) return;
    for (const { id } of page.data.results) known.delete(id);
    inbox.remove(known);
    inbox.merge(page.data.results);
    showOlder(page.data.next);
    // An event that came meanwhile is as new, or others will follow it.
    if (changes === unreadChanges) showUnread(unread.data.unread_count);
    showEmptiness();
  } catch (error) {
    if (mine !== reloads) return;
    notice(`The notifications could not be loaded: ${error.message}. Trying again.`);
    setTimeout(() => mine === reloads && reload(), RELOAD_RETRY_SECONDS * 1000);
  }
}

// --- what the visitor does --------------------------------------------------------------

/** By the socket where there is one, else by REST. The event tells the other tabs. */
async function markRead(id) {
  await attempt(async () => {
    if (client.live) await client.request("notification_read", { notification_id: id });
    else await request(`${urls.listUrl}/${id}/read`, { method: "POST" });
    inbox.markRead(id);
  });
}

async function markAllRead() {
  await attempt(async () => {
    const done = client.live
      ? await client.request("notification_read_all", {})
      : (await request(urls.readAllUrl, { method: "POST" })).data;
    inbox.markAllRead(done.read_at);
  });
}

async function showOlderPage() {
  await attempt(async () => {
    const { data } = await request(olderUrl);
    inbox.merge(data.results);
    showOlder(data.next);
  });
}

async function attempt(action) {
  try {
    await action();
  } catch (error) {
    if (error.signedOut) location.assign(urls.loginUrl);
    else notice(`That did not work: ${error.message}.`);
  }
}

function onClick(id, action) {
  element(id).addEventListener("click", () => {
    if (element(id).getAttribute("aria-disabled") !== "true") action();
  });
}

/** Unlike `disabled` this leaves the keyboard's focus where it is. */
function enable(id, enabled) {
  element(id).setAttribute("aria-disabled", String(!enabled));
}

onClick("read-all", markAllRead);
onClick("older", showOlderPage);
onClick("cut", () => client.cut(CUT_SECONDS));
onClick("notify", () => attempt(() => request(urls.notifyUrl, { method: "POST" })));

// --- what is shown ------------------------------------------------------------------------

function showState(name, { retryAt: when = 0, code }) {
  element("state").dataset.state = name;
  // Written only when it changes: it is read aloud.
  if (element("state-label").textContent !== LABELS[name]) {
    element("state-label").textContent = LABELS[name];
  }
  retryAt = when;
  element("state-detail").textContent = DETAILS[name] ?? ENDINGS[code] ?? `The server ended it with ${code}.`;
  enable("cut", name === "live");
  countDown();
}

function countDown() {
  if (!retryAt) return;
  const seconds = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
  element("state-detail").textContent = seconds
    ? `There is no WebSocket. Next attempt in ${seconds}\u00a0s.`
    : "Trying to open a WebSocket.";
}

function showCursor({ sequence, epoch }) {
  element("sequence").textContent = sequence;
  element("epoch").textContent = epoch.slice(0, 8);
  element("epoch").title = epoch;
}

function showUnread(count) {
  if (count === undefined) return;
  unreadChanges += 1;
  element("unread").textContent = `${count} unread`;
  element("unread").hidden = count === 0;
  enable("read-all", count > 0);
  document.title = count ? `(${count}) ${title}` : title;
}

function showEmptiness() {
  element("empty").textContent = "Nothing yet. Press “Notify me”.";
  element("empty").hidden = inbox.size > 0;
}

function showOlder(next) {
  // Only its parameters: behind a proxy the server may not know its own address.
  olderUrl = next && urls.listUrl + new URL(next, location.href).search;
  element("older").hidden = !olderUrl;
}

function recoveredText(count) {
  if (count === 0) return "Connected again. Nothing was missed.";
  return `Connected again. ${count} missed ${count === 1 ? "event has" : "events have"} arrived.`;
}

function notice(text) {
  element("notice").textContent = text;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => (element("notice").textContent = ""), NOTICE_SECONDS * 1000);
}

setInterval(countDown, 500);
client.start();
