import type { AnyCommand, Position } from "./wire.js";

// The server's limit is 8 KiB for the whole of it.
const LONGEST_URL = 4096;

/** How a socket begins: where, with which first frame, and what to be careful about. */
export interface Hello {
  url: string;
  frame: AnyCommand | null;
  /** Events that come before the answer may be out of order. */
  hold: boolean;
}

/**
 * Say where the client stands and what it wants to hear.
 *
 * @param position with one, it goes into the URL: the server replays before anything else.
 */
export function hello(url: string, position: Position | null, channels: string[]): Hello {
  if (!position) return { url, frame: { type: "connect", payload: { channels } }, hold: false };
  const { sequence, epoch } = position;
  const full = new URL(url);
  full.searchParams.set("last_sequence", String(sequence));
  full.searchParams.set("epoch", epoch);
  if (channels.length) full.searchParams.set("channels", channels.join(","));
  if (full.href.length <= LONGEST_URL) return { url: full.href, frame: null, hold: false };
  const payload = { last_sequence: sequence, epoch, channels };
  return { url, frame: { type: "connect", payload }, hold: true };
}
