const STEPS_MS = [1, 2, 4, 8, 16, 30].map((seconds) => seconds * 1000);

/** How long to wait before each attempt: 1, 2, 4, 8, 16, then 30 s, with jitter. */
export class Backoff {
  #failures = 0;

  /** @param random gives a number from 0 to below 1. */
  constructor(private readonly random: () => number = Math.random) {}

  /** Failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** Count a failure; the milliseconds to wait after it. */
  next(): number {
    const step = STEPS_MS[Math.min(this.#failures++, STEPS_MS.length - 1)]!;
    return this.jitter(step);
  }

  /** Between half of it and all: clients that lost one server do not come back as one. */
  jitter(milliseconds: number): number {
    return Math.round(milliseconds * (0.5 + this.random() / 2));
  }

  reset(): void {
    this.#failures = 0;
  }
}
