/** The signed-in page: what there is to know (`state/`), and how it is shown (`views/`). */

import { WebSocketService } from "../realtime/client.js";
import { batched, Changes } from "./lib/changes.js";
import { byId, showCount } from "./lib/dom.js";
import { reason, Rest } from "./lib/rest.js";
import { onRoute } from "./lib/router.js";
import { toast } from "./lib/say.js";
import { Conversations } from "./state/conversations.js";
import { Feed } from "./state/feed.js";
import { Notifications } from "./state/notifications.js";
import { Presence } from "./state/presence.js";
import { Typists } from "./state/typists.js";
import { AccountMenu, followPresence } from "./views/account.js";
import { ConnectionView } from "./views/connection.js";
import { FeedView } from "./views/feed.js";
import { MessagesView } from "./views/messages.js";
import { NotificationsView } from "./views/notifications.js";
import { PeopleList } from "./views/people-list.js";
import { SinglePostView } from "./views/single-post.js";

const AWAY_AFTER_MS = 5 * 60_000;
// A visitor would not wait for ten, which take minutes.
const ATTEMPTS_BEFORE_POLLING = 4;

const app = byId("app");
const { userId, username, displayName, apiUrl, tokenUrl, notifyUrl, loginUrl } = app.dataset;
const me = { id: userId, username, display_name: displayName };
const rest = new Rest(apiUrl, () => location.assign(loginUrl));
const service = new WebSocketService({
  apiUrl,
  awayAfterMs: AWAY_AFTER_MS,
  attemptsBeforePolling: ATTEMPTS_BEFORE_POLLING,
  getToken: async () => (await rest.postTo(tokenUrl)).access,
});

// --- what there is to know ---------------------------------------------------------------

const resync = new Changes(); // what is shown is to be fetched again
const feed = new Feed(rest, service, me);
const presence = new Presence(service);
const notifications = new Notifications(rest, service);
const conversations = new Conversations(rest, service, me);
const typists = new Typists(service, (id, person) => {
  const people = conversations.list.get(id)?.participants ?? [];
  return people.find((one) => one.id === person)?.display_name;
});
const context = { me, rest, service, resync, feed, presence, notifications, conversations, typists };

/** Fetch everything as it is now. */
function reload() {
  conversations.load();
  notifications.load();
  people.load();
}

service.resync$.subscribe(() => {
  reload();
  feed.reload();
  presence.reload();
  resync.changed();
});

// What was told on this channel was deleted since.
service.on("erased").subscribe(({ channel }) => {
  if (channel === "notifications") notifications.load();
  else if (channel.startsWith("conversation:")) conversations.load().then(() => resync.changed());
});

// What is fetched once the channels are joined misses nothing. Where they cannot be,
// it is fetched all the same, and again when they are.
let loaded = "";
service.status$.subscribe((status) => {
  if (status === "ended") toast("The server has ended the session. Sign in again to go on.");
  if (status === "connecting" || status === "disconnected" || loaded === "live") return;
  const isLive = status === "connected" || status === "polling";
  if (isLive && loaded) feed.reload();
  if (isLive || !loaded) reload();
  loaded = isLive ? "live" : "early";
});

// --- how it is shown ---------------------------------------------------------------------

const views = {
  feed: new FeedView(context),
  posts: new SinglePostView(context),
  messages: new MessagesView(context),
  notifications: new NotificationsView(context),
};
const sections = {
  feed: "view-feed",
  posts: "view-post",
  messages: "view-messages",
  notifications: "view-notifications",
};
const titles = {
  feed: "feed-title",
  posts: "post-title",
  notifications: "notifications-title",
  people: "people-title",
};
const people = new PeopleList(
  context,
  { list: byId("people"), search: byId("people-search"), note: byId("people-note") },
  { following: true },
);
new ConnectionView(context);
new AccountMenu(context);
followPresence(presence);

onRoute(({ view, id }, first) => {
  app.dataset.view = view;
  for (const [name, section] of Object.entries(sections)) {
    byId(section).hidden = name !== view && !(view === "people" && name === "feed");
    if (name !== view) views[name].close?.();
  }
  for (const link of app.querySelectorAll("[data-nav]")) {
    const isCurrent = link.dataset.nav === (view === "posts" ? "feed" : view);
    if (isCurrent) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  views[view === "people" ? "feed" : view].open?.(id);
  if (first) return;
  scrollTo(0, 0);
  if (views[view]?.focus) views[view].focus(id);
  else byId(titles[view]).focus({ preventScroll: true });
});

const showCounts = batched(() => {
  const counts = {
    feed: [feed.newCount, "new"],
    messages: [conversations.unread, "unread"],
    notifications: [notifications.unread, "unread"],
  };
  for (const [name, [count, what]] of Object.entries(counts)) {
    showCount(app.querySelector(`[data-nav="${name}"] .badge`), count, what);
  }
  const unread = conversations.unread + notifications.unread;
  document.title = unread ? `(${unread}) SocialHub` : "SocialHub";
});
for (const one of [feed, conversations, notifications]) one.onChange(showCounts);

byId("notify").addEventListener("click", async () => {
  try {
    await rest.postTo(notifyUrl);
  } catch (error) {
    toast(`That did not work: ${reason(error)}.`);
  }
});

service.connect(undefined, me.id);
