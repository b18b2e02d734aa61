/** The statuses that users choose. */
export type PresenceStatus = "online" | "away" | "busy";

const SHARED_EVERY_MS = 5000;
const SIGNS = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"] as const;

/**
 * The status to tell the server: what was chosen, and `away` when nobody is there.
 *
 * Presence is the user's, not a tab's: tabs of one origin tell each other that
 * somebody is there, so that a hidden one makes nobody away.
 */
export class Presence {
  #chosen: PresenceStatus | null = null;
  #away = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sharedAt = -Infinity;
  #tabs: BroadcastChannel | null = null;

  /**
   * @param awayAfterMs without a sign of anybody; 0: never.
   * @param changed called when there is another `status` to tell.
   */
  constructor(
    private readonly awayAfterMs: number,
    private readonly changed: () => void,
  ) {}

  /** What a new connection has to be told; null if nothing. */
  get status(): PresenceStatus | null {
    if (this.#away && this.#chosen !== "busy") return "away";
    return this.#chosen;
  }

  choose(status: PresenceStatus): void {
    this.#chosen = status;
    this.changed();
  }

  /** Look for signs of somebody, in a browser. */
  start(): void {
    this.stop();
    if (!this.awayAfterMs || typeof document === "undefined") return;
    for (const sign of SIGNS) document.addEventListener(sign, this.#seen, { passive: true });
    document.addEventListener("visibilitychange", this.#shown);
    if (typeof BroadcastChannel !== "undefined") {
      this.#tabs = new BroadcastChannel("socialhub.realtime.presence");
      this.#tabs.onmessage = () => this.#somebody();
    }
    this.#somebody();
  }

  stop(): void {
    clearTimeout(this.#timer);
    if (typeof document === "undefined") return;
    for (const sign of SIGNS) document.removeEventListener(sign, this.#seen);
    document.removeEventListener("visibilitychange", this.#shown);
    this.#tabs?.close();
    this.#tabs = null;
  }

  /** As if nothing had been chosen. */
  forget(): void {
    this.#chosen = null;
    this.#away = false;
  }

  readonly #shown = (): void => {
    if (document.visibilityState === "visible") this.#seen();
  };

  readonly #seen = (): void => {
    if (document.visibilityState !== "visible") return;
    const now = Date.now();
    if (!this.#away && now < this.#sharedAt + Math.min(SHARED_EVERY_MS, this.awayAfterMs / 2)) return;
    this.#sharedAt = now;
    this.#tabs?.postMessage(null);
    this.#somebody();
  };

  #somebody(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#nobody(), this.awayAfterMs);
    if (!this.#away) return;
    this.#away = false;
    this.#chosen ??= "online";
    if (this.#chosen !== "busy") this.changed();
  }

  #nobody(): void {
    this.#away = true;
    if (this.#chosen !== "busy") this.changed();
  }
}
