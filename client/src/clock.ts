/** The server's clock, as far as its answers tell: a visitor's may be wrong by hours. */
export class ServerClock {
  #ahead = 0;

  /** Milliseconds since 1970, by the server. */
  now(): number {
    return Date.now() + this.#ahead;
  }

  /** @param text a time that the server gave just now: RFC 3339, or an HTTP date. */
  set(text: string | null): void {
    const time = Date.parse(text ?? "");
    if (!Number.isNaN(time)) this.#ahead = time - Date.now();
  }
}
