import type { ServerClock } from "./clock.js";
import { RequestError, SessionOver } from "./errors.js";

/** Where fresh tokens come from; see `Options.getToken`. */
export type GetToken = () => Promise<string>;

const LONGEST_TIMER = 2 ** 31 - 1;
const EXPIRES_SOON_MS = 10_000;
const GET_TOKEN_MS = 30_000;
// Renewed when this share of what is left has passed, so that a slow renewal is still in time.
const RENEW_AT = 0.75;
// A fresh token that is refused within this time will not get better.
const TRIAL_MS = 60_000;

/** The claims of a JWT that matter here. The server verifies it, we only read. */
export interface Claims {
  userId: string | undefined;
  /** Milliseconds since 1970. */
  expiresAt: number | undefined;
}

export function readClaims(token: string): Claims {
  try {
    const part = token.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/");
    const bytes = Uint8Array.from(atob(part), (character) => character.charCodeAt(0));
    const { user_id: id, exp } = JSON.parse(new TextDecoder().decode(bytes)) as {
      user_id?: unknown;
      exp?: unknown;
    };
    return {
      userId: id === undefined || id === null ? undefined : String(id),
      expiresAt: typeof exp === "number" ? exp * 1000 : undefined,
    };
  } catch {
    return { userId: undefined, expiresAt: undefined };
  }
}

/** The token of now, and fresh ones. */
export class Tokens {
  #token = "";
  #refused = false;
  #onTrialSince = -Infinity;
  #under: Promise<string> | null = null;

  constructor(
    private readonly clock: ServerClock,
    private readonly getToken?: GetToken,
  ) {}

  /** Whether there can be another token than the one that was given. */
  get renewable(): boolean {
    return this.getToken !== undefined;
  }

  /** The last one, whether or not it holds. */
  get latest(): string {
    return this.#token;
  }

  /** Begin with this one, as given to `connect()`; empty: fetch one when it is needed. */
  begin(token: string): void {
    this.#onTrialSince = -Infinity;
    this.use(token);
  }

  /** From now on this one. */
  use(token: string): void {
    this.#token = token;
    this.#refused = false;
  }

  /**
   * The server does not take this one.
   *
   * @returns whether another may be tried: `current` will give it.
   */
  refuse(token: string): boolean {
    if (!this.renewable) return false;
    if (token !== this.#token || this.#refused) return true; // who asked was late
    if (Date.now() < this.#onTrialSince + TRIAL_MS) return false;
    this.#onTrialSince = Date.now();
    return (this.#refused = true);
  }

  /**
   * A token that should hold.
   *
   * @throws SessionOver there is none and there will be none.
   */
  async current(): Promise<string> {
    if (this.renewable && !this.#holds()) return this.renew();
    if (!this.#token) throw new SessionOver("MISSING_TOKEN", "There is no token");
    return this.#token;
  }

  /**
   * A fresh token; one call of `getToken` for all who ask at once.
   *
   * @throws SessionOver `getToken` rejected with a `status` of 401 or 403, or gave nothing.
   *   Whatever else it rejects with may pass.
   */
  renew(): Promise<string> {
    this.#under ??= this.#renew().finally(() => (this.#under = null));
    return this.#under;
  }

  async #renew(): Promise<string> {
    let token: string;
    try {
      token = await inTime(this.getToken!());
    } catch (error) {
      const status = (error as { status?: unknown } | null)?.status;
      if (status !== 401 && status !== 403) throw error;
      throw new SessionOver("INVALID_TOKEN", "getToken() was refused: the session is over");
    }
    if (!token) throw new SessionOver("MISSING_TOKEN", "getToken() gave no token");
    this.use(token);
    return token;
  }

  /** Milliseconds until the token should be renewed; null if it cannot or need not be. */
  get renewIn(): number | null {
    const { expiresAt } = readClaims(this.#token);
    if (!this.renewable || expiresAt === undefined) return null;
    const left = expiresAt - this.clock.now();
    return Math.min(Math.max(left * RENEW_AT, 1000), LONGEST_TIMER);
  }

  #holds(): boolean {
    if (!this.#token || this.#refused) return false;
    const { expiresAt } = readClaims(this.#token);
    return expiresAt === undefined || expiresAt - this.clock.now() > EXPIRES_SOON_MS;
  }
}

async function inTime(token: Promise<string>): Promise<string> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new RequestError("TIMEOUT", "getToken() took too long")),
      GET_TOKEN_MS,
    );
  });
  try {
    return await Promise.race([token, late]);
  } finally {
    clearTimeout(timer);
  }
}
