/** How messages look one after another: names, days, ticks. No DOM in it. */

const TOGETHER_MS = 5 * 60_000;

/**
 * What `MessageItem` shows, for each message.
 *
 * @param {object[]} messages told by the server, in order.
 * @param {object[]} pending of one's own, not told yet.
 */
export function shownMessages(messages, pending, { me, isGroup, connected }) {
  const waiting = pending.map((one) => ({
    ...one,
    sender_id: me.id,
    tick: one.failure ? "" : connected ? "sent" : "waiting",
  }));
  let before = null;
  return [...messages, ...waiting].map((message) => {
    const mine = message.sender_id === me.id;
    const startsDay = !before || dayOf(before) !== dayOf(message);
    const isFirst = startsDay || !isTogether(before, message);
    before = message;
    return {
      failure: "",
      tick: mine ? (message.is_read ? "read" : "delivered") : "",
      ...message,
      mine,
      startsDay,
      isFirst,
      senderName: isGroup && !mine && isFirst ? message.sender?.display_name ?? "Somebody" : "",
    };
  });
}

function dayOf(message) {
  return new Date(message.created_at).toDateString();
}

function isTogether(before, message) {
  const pause = Date.parse(message.created_at) - Date.parse(before.created_at);
  return before.sender_id === message.sender_id && pause < TOGETHER_MS;
}
