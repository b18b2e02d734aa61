/** Long polling: the same log from the same place, for as long as there is no socket. */

import { request } from "./api.js";

const WAIT_SECONDS = 25;
// 30 polls a minute are allowed; this keeps below, whatever happens.
const SHORTEST_INTERVAL = 2100;
const RETRY_SECONDS = 5;

/**
 * Poll until `signal` aborts, or the user may not any longer.
 *
 * @param cursor returns {sequence, epoch}, or null before the first answer.
 * @param listener is told what a socket would bring: state, event, place, stale,
 *   frame as in `realtime.js`, and ended().
 */
export async function poll({ url, userId, tokens, signal, cursor, listener }) {
  while (!signal.aborted) {
    const started = Date.now();
    let interval = SHORTEST_INTERVAL;
    try {
      const place = cursor();
      const parameters = pollParameters(userId, place);
      listener.frame("note", `GET ${url}?${parameters}`);
      const answer = await ask(`${url}?${parameters}`, tokens, signal);
      if (signal.aborted) return;
      listener.frame("in", JSON.stringify(answer));
      listener.state("polling");
      for (const event of answer.events) listener.event({ ...event, id: event.event_id });
      listener.place(answer.last_poll_id, answer.epoch);
      // The first answer says where the log stands; the state is fetched after it.
      if (!place || answer.resync) listener.stale();
    } catch (error) {
      if (signal.aborted) return;
      if (error.signedOut) {
        listener.ended();
        return;
      }
      listener.frame("note", `poll failed: ${error.message}`);
      listener.state("offline");
      interval = (error.retryAfter || RETRY_SECONDS) * 1000;
    }
    await sleep(started + interval - Date.now(), signal);
  }
}

function pollParameters(userId, place) {
  const parameters = new URLSearchParams({ user_id: userId });
  parameters.set("last_poll_id", place ? place.sequence : 0);
  if (place) parameters.set("epoch", place.epoch);
  parameters.set("timeout", place ? WAIT_SECONDS : 0);
  return parameters;
}

async function ask(url, tokens, signal) {
  try {
    return (await request(url, { token: await tokens.current(), signal })).data;
  } catch (error) {
    if (error.status !== 401) throw error;
    // The token may have ended early. If the session has too, this fails for good.
    return (await request(url, { token: await tokens.fresh(), signal })).data;
  }
}

function sleep(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}
