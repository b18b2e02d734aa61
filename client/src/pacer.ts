import type { ServerClock } from "./clock.js";

const WINDOW_MS = 60_000;
const DEFAULT_INTERVAL_MS = 2000;

/**
 * Spreads requests over what the server allows, so that the limit is never met.
 *
 * The limit is the user's: other tabs take from it, which `X-RateLimit-Remaining`
 * tells. Each pause is what is left of the window divided by what is left in it.
 */
export class Pacer {
  #intervalMs = DEFAULT_INTERVAL_MS;
  #startedAt = -Infinity;
  #notBefore = 0;

  constructor(private readonly clock: ServerClock) {}

  /** Milliseconds until the next request may start. */
  get wait(): number {
    const next = Math.max(this.#startedAt + this.#intervalMs, this.#notBefore);
    return Math.max(0, next - Date.now());
  }

  /** A request starts now. */
  start(): void {
    this.#startedAt = Date.now();
  }

  /** Take what a response says of the limit. */
  read(headers: Headers): void {
    const retryAfter = Number(headers.get("Retry-After"));
    if (retryAfter > 0) this.pause(retryAfter * 1000);
    const remaining = headers.get("X-RateLimit-Remaining");
    const reset = Number(headers.get("X-RateLimit-Reset"));
    if (remaining === null || !reset) return;
    const left = Math.min(Math.max(reset * 1000 - this.clock.now(), 0), WINDOW_MS);
    if (Number(remaining) > 0) this.#intervalMs = left / Number(remaining);
    else this.pause(left);
  }

  /** Make no request for so many milliseconds. */
  pause(milliseconds: number): void {
    this.#notBefore = Math.max(this.#notBefore, Date.now() + milliseconds);
  }
}
