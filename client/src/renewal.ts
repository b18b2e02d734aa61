import { SessionOver, type RequestError } from "./errors.js";
import type { Session } from "./session.js";
import type { Tokens } from "./tokens.js";

const RETRY_MS = 10_000;

/** Replaces the token of an open socket before it expires, without closing it. */
export class Renewal {
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Raised by `stop`: what was begun before leads nowhere. */
  #run = 0;

  /** @param onEnd called when there will be no other token. */
  constructor(
    private readonly tokens: Tokens,
    private readonly session: Session,
    private readonly onEnd: (error: RequestError) => void,
  ) {}

  /** A socket is open with the token of now. */
  start(): void {
    this.#again(this.tokens.renewIn);
  }

  /** Tell the server of this token now. */
  authenticate(token: string): void {
    const run = this.#run;
    this.session.ask("authenticate", { token }).subscribe({
      next: () => this.#again(this.tokens.renewIn),
      // If it stays so the server closes, which says what to do.
      error: () => {
        if (run === this.#run && this.tokens.renewable) this.#again(RETRY_MS);
      },
    });
  }

  /** The socket is gone. */
  stop(): void {
    this.#run += 1;
    clearTimeout(this.#timer);
  }

  #again(milliseconds: number | null): void {
    clearTimeout(this.#timer);
    if (milliseconds !== null) this.#timer = setTimeout(() => void this.#renew(), milliseconds);
  }

  async #renew(): Promise<void> {
    const run = this.#run;
    try {
      const token = await this.tokens.renew();
      if (run === this.#run) this.authenticate(token);
    } catch (error) {
      if (run !== this.#run) return;
      if (error instanceof SessionOver) this.onEnd(error);
      else this.#again(RETRY_MS);
    }
  }
}
