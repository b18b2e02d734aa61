import type { RequestError } from "./errors.js";

/** What the connection is doing; see the README for what a page might show of each. */
export enum ConnectionStatus {
  /** `connect()` has not been called, or `disconnect()` has. */
  DISCONNECTED = "disconnected",
  /** The first connection is being made. */
  CONNECTING = "connecting",
  /** The socket is open and everything missed has arrived. */
  CONNECTED = "connected",
  /** The connection was lost and is being made again. */
  RECONNECTING = "reconnecting",
  /** There can be no socket; events come by long poll, commands go by HTTP. */
  POLLING = "polling",
  /** The browser has no network, or nobody answers polls either. It goes on trying. */
  OFFLINE = "offline",
  /** The server will not have this client back: only a new `connect()` helps. */
  ENDED = "ended",
}

/** The status, and what is known besides. */
export interface ConnectionState {
  status: ConnectionStatus;
  /** When the next attempt is made, in milliseconds since 1970. */
  retryAt?: number;
  /** The WebSocket close code with which the last connection ended. */
  closeCode?: number;
  /** Why it ended, or why the last attempt failed, where the server has said so. */
  error?: RequestError;
}
