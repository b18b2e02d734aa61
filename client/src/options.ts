import type { GetToken } from "./tokens.js";
import type { SocketConstructor } from "./socket.js";

/** What can be set; everything has a default. */
export interface Options {
  /** The socket: a path, or a URL (http, https, ws or wss). Default: `/ws` of the page's origin. */
  url?: string;
  /** The REST API. Default: `/api/v1/` of the origin of `url`. Polls go to `realtime/poll` below it. */
  apiUrl?: string;
  /**
   * Gives a fresh token: at the beginning if `connect()` got none, before one
   * expires, and once when the server refuses one.
   *
   * Rejecting with an object whose `status` is 401 or 403 means that the session
   * is over (the status becomes ENDED); any other rejection is tried again.
   */
  getToken?: GetToken;
  /** Channels to join from the start, beside `notifications`. */
  channels?: readonly string[];
  /** How many commands may wait for a connection. Default: 100. */
  queueLimit?: number;
  /** Attempts in a row without a connection before polls begin. Default: 10. */
  attemptsBeforePolling?: number;
  /**
   * Milliseconds without a key, pointer or glance (the page hidden) in any tab of
   * this origin after which the user is `away`. Default: 0, never.
   */
  awayAfterMs?: number;
  /** Where there is no global `WebSocket` (Node.js 20: that of the `ws` package). */
  webSocket?: SocketConstructor;
  /** Instead of the global `fetch`. */
  fetch?: typeof globalThis.fetch;
  /** Numbers from 0 to below 1, for jitter. Default: `Math.random`. */
  random?: () => number;
}

/** The options, with the page's surroundings filled in. */
export interface Settings {
  socketUrl: string;
  apiUrl: string;
  getToken: GetToken | undefined;
  channels: readonly string[];
  queueLimit: number;
  attemptsBeforePolling: number;
  awayAfterMs: number;
  webSocket: SocketConstructor | undefined;
  fetch: typeof globalThis.fetch;
  random: () => number;
}

/** @throws TypeError a URL is malformed. */
export function complete(options: Options): Settings {
  // Without a page, as where a server renders it, the service can be made but not connected.
  const page = globalThis.location?.href ?? "http://localhost/";
  const socketUrl = new URL(options.url ?? "/ws", page);
  socketUrl.protocol = socketUrl.protocol.replace("http", "ws");
  const origin = socketUrl.href.replace(/^ws/, "http");
  const apiUrl = new URL(options.apiUrl ?? "/api/v1/", options.apiUrl ? page : origin);
  return {
    socketUrl: socketUrl.href,
    apiUrl: apiUrl.href.replace(/\/?$/, "/"),
    getToken: options.getToken,
    channels: options.channels ?? [],
    queueLimit: options.queueLimit ?? 100,
    attemptsBeforePolling: options.attemptsBeforePolling ?? 10,
    awayAfterMs: options.awayAfterMs ?? 0,
    webSocket: options.webSocket ?? globalThis.WebSocket,
    fetch: options.fetch ?? globalThis.fetch,
    random: options.random ?? Math.random,
  };
}
