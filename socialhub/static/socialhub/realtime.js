/**
 * A small client of the realtime service: a socket, and long polls while there can be none.
 *
 * It keeps the place in the log (`last_sequence` and `epoch`), so that whatever
 * happens to the connection nothing is missed and nothing is told twice. It
 * knows nothing of the page. The listener that it is given has:
 *
 *   state(name, {retryAt, code})    connecting, live, reconnecting, polling, offline, ended;
 *                                   when the next attempt is, with which code it ended
 *   event({type, payload})          an event, once
 *   snapshot(channels)              the state of the channels when the connection was made
 *   stale()                         events are missing: fetch the state by REST
 *   recovered(count)                a lost connection is back, with so many events missed
 *   cursor({sequence, epoch})       the place in the log has moved
 *   frame(direction, text)          "in", "out" or "note", for the log of frames
 */

import { Acks } from "./acks.js";
import { Tokens } from "./api.js";
import { poll } from "./polling.js";

const BACKOFF_SECONDS = [1, 2, 4, 8, 16, 30];
const FAILURES_BEFORE_POLLING = 3;
const HEARTBEAT_SECONDS = 25;
const ANSWER_SECONDS = 10;
const RENEWAL_RETRY_SECONDS = 10;
const REMEMBERED_IDS = 1000;
const SIGNED_OUT = 4501; // as the server would close it

export class Realtime {
  #listener;
  #userId;
  #pollUrl;
  #tokens;
  #cursor = null; // null until the first `connect` reply or poll: no place to recover from
  #seen = new Set();
  #socket = null;
  #attempt = 0;
  #failures = 0; // attempts in a row that led to no connection
  #waits = 0; // waits in a row without one
  #missed = 0;
  #waitAtLeast = 0;
  #polling = null;
  #acks = new Acks();
  #timers = { retry: 0, watchdog: 0, heartbeat: 0, renewal: 0 };
  #ended = false;

  /** Whether requests can be made on the socket. */
  live = false;

  constructor({ userId, tokenUrl, pollUrl, listener }) {
    this.#userId = userId;
    this.#pollUrl = pollUrl;
    this.#tokens = new Tokens(tokenUrl);
    this.#listener = listener;
    addEventListener("online", () => this.#retryNow());
  }

  start() {
    this.#listener.state("connecting", {});
    this.#connect();
  }

  /**
   * Send a frame and wait for its acknowledgement.
   *
   * @returns {Promise<any>} the ack's data.
   */
  request(type, payload) {
    if (!this.live) return Promise.reject(new Error("There is no connection"));
    const { id, answer } = this.#acks.expect(ANSWER_SECONDS);
    this.#send({ type, payload, ack_id: id });
    return answer;
  }

  /** Close the socket as if the network had, and stay away for so many seconds. */
  cut(seconds) {
    this.#waitAtLeast = seconds * 1000;
    this.#drop("cut by the visitor");
  }

  // --- one attempt -------------------------------------------------------------------

  async #connect() {
    const attempt = ++this.#attempt;
    try {
      const token = await this.#tokens.fresh();
      // Throws where a policy of the page forbids sockets.
      if (attempt === this.#attempt) this.#open(token);
    } catch (error) {
      if (attempt !== this.#attempt) return;
      if (error.signedOut) this.#end();
      else this.#lost();
    }
  }

  #open(token) {
    const url = new URL("/ws", location.href.replace(/^http/, "ws"));
    const recovering = this.#cursor !== null;
    if (recovering) {
      url.searchParams.set("last_sequence", this.#cursor.sequence);
      url.searchParams.set("epoch", this.#cursor.epoch);
    }
    this.#listener.frame("note", `open ${url.pathname}${url.search}`);
    this.#missed = 0;
    const socket = new WebSocket(url, ["socialhub.v1", `bearer.${token}`]);
    this.#socket = socket;
    this.#expectAnswer();
    socket.onopen = () => {
      if (socket !== this.#socket) return;
      // With a place in the handshake the server replies to that, unasked.
      if (!recovering) this.#send({ type: "connect", payload: {} });
      this.#timers.heartbeat = setInterval(() => this.#beat(), HEARTBEAT_SECONDS * 1000);
    };
    socket.onmessage = ({ data }) => {
      if (socket === this.#socket) this.#receive(data);
    };
    socket.onclose = ({ code }) => {
      if (socket === this.#socket) this.#closed(code);
    };
  }

  #send(frame) {
    // Not the token: logs are copied into bug reports.
    const shown = frame.type === "authenticate" ? { ...frame, payload: { token: "…" } } : frame;
    this.#listener.frame("out", JSON.stringify(shown));
    this.#socket.send(JSON.stringify(frame));
  }

  #beat() {
    this.#send({ type: "heartbeat", payload: { timestamp: new Date().toISOString() } });
    this.#expectAnswer();
  }

  /** A dead network says nothing, and a browser may take minutes to notice. */
  #expectAnswer() {
    clearTimeout(this.#timers.watchdog);
    this.#timers.watchdog = setTimeout(() => this.#drop("no answer"), ANSWER_SECONDS * 1000);
  }

  // --- frames in ---------------------------------------------------------------------

  #receive(text) {
    clearTimeout(this.#timers.watchdog);
    this.#listener.frame("in", text);
    const frame = JSON.parse(text);
    const { type, payload } = frame;
    switch (type) {
      case "connect":
        this.#established(payload);
        break;
      case "heartbeat":
        if (this.live) this.#advance(payload.last_sequence);
        break;
      case "ack":
      case "error":
        this.#acks.settle(frame);
        break;
      case "disconnect":
        this.#waitAtLeast = payload.reconnect_after_ms ?? 0;
        break;
      case "resync":
        this.#place(payload.last_sequence, payload.epoch);
        // During a recovery the `connect` reply is still to come, and says the same.
        if (this.live) this.#listener.stale();
        break;
      default:
        this.#deliver(frame);
    }
  }

  #established({ last_sequence: sequence, epoch, recovered, channels }) {
    const returning = this.#cursor !== null;
    this.live = true;
    this.#failures = this.#waits = 0;
    this.#polling?.abort();
    this.#polling = null;
    this.#place(sequence, epoch);
    this.#renewLater(this.#tokens.renewIn);
    this.#listener.state("live", {});
    this.#listener.snapshot(channels);
    if (!recovered) this.#listener.stale();
    else if (returning) this.#listener.recovered(this.#missed);
  }

  #deliver({ id, type, payload, sequence }) {
    if (this.#seen.has(id)) return;
    this.#seen.add(id);
    if (this.#seen.size > REMEMBERED_IDS) this.#seen.delete(this.#seen.values().next().value);
    if (!this.live) this.#missed += 1;
    this.#listener.event({ type, payload });
    if (sequence && this.#cursor) this.#advance(sequence);
  }

  #advance(sequence) {
    this.#place(Math.max(sequence, this.#cursor.sequence), this.#cursor.epoch);
  }

  #place(sequence, epoch) {
    this.#cursor = { sequence, epoch };
    this.#listener.cursor(this.#cursor);
  }

  // --- tokens --------------------------------------------------------------------------

  #renewLater(delay) {
    clearTimeout(this.#timers.renewal);
    this.#timers.renewal = setTimeout(() => this.#renew(), delay);
  }

  async #renew() {
    const socket = this.#socket;
    try {
      const token = await this.#tokens.fresh();
      if (socket !== this.#socket) return;
      await this.request("authenticate", { token });
      this.#renewLater(this.#tokens.renewIn);
    } catch (error) {
      if (socket !== this.#socket) return;
      if (error.signedOut) this.#end();
      else this.#renewLater(RENEWAL_RETRY_SECONDS * 1000);
    }
  }

  // --- ends and beginnings ---------------------------------------------------------------

  #drop(why) {
    const socket = this.#socket;
    if (!socket) return;
    this.#socket = null;
    socket.close();
    this.#listener.frame("note", `closed: ${why}`);
    this.#lost();
  }

  #closed(code) {
    this.#listener.frame("note", `closed with ${code}`);
    if (code >= 4500 && code <= 4999) this.#end(code);
    else this.#lost();
  }

  #lost() {
    const wait = Math.max(this.#waitAtLeast, this.#backoff());
    this.#waitAtLeast = 0;
    if (!this.live) this.#failures += 1;
    this.#clear();
    const retryAt = Date.now() + wait;
    this.#timers.retry = setTimeout(() => this.#connect(), wait);
    if (this.#failures >= FAILURES_BEFORE_POLLING) this.#startPolling();
    else this.#listener.state(this.#cursor ? "reconnecting" : "connecting", { retryAt });
  }

  #backoff() {
    const seconds = BACKOFF_SECONDS[Math.min(this.#waits++, BACKOFF_SECONDS.length - 1)];
    // Jitter: pages that lost the same server do not all come back at once.
    return seconds * 1000 * (0.5 + Math.random() / 2);
  }

  #retryNow() {
    clearTimeout(this.#timers.retry);
    if (!this.#ended && !this.#socket) this.#connect();
  }

  #end(code = SIGNED_OUT) {
    this.#ended = true;
    this.#polling?.abort();
    this.#clear();
    this.#listener.state("ended", { code });
  }

  #clear() {
    this.live = false;
    this.#attempt += 1; // what is under way leads nowhere
    this.#socket?.close();
    this.#socket = null;
    clearInterval(this.#timers.heartbeat);
    for (const name of ["retry", "watchdog", "renewal"]) clearTimeout(this.#timers[name]);
    this.#acks.rejectAll("The connection was lost");
  }

  #startPolling() {
    if (this.#polling) return;
    this.#polling = new AbortController();
    poll({
      url: this.#pollUrl,
      userId: this.#userId,
      tokens: this.#tokens,
      signal: this.#polling.signal,
      cursor: () => this.#cursor,
      listener: {
        frame: this.#listener.frame,
        state: (name) => this.#listener.state(name, {}),
        ended: () => this.#end(),
        stale: () => this.#listener.stale(),
        event: (event) => this.#deliver(event),
        place: (sequence, epoch) => this.#place(sequence, epoch),
      },
    });
  }
}
