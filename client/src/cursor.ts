import { BehaviorSubject } from "rxjs";

import type { Position } from "./wire.js";

// Far more than what two transports, or a replay and live events, can both bring.
const REMEMBERED_IDS = 2000;

/** Where this client stands in the log, and which events it has seen of late. */
export class Cursor {
  /** Null until the first `connect` reply: before it there is nothing to recover from. */
  readonly position$ = new BehaviorSubject<Position | null>(null);
  readonly #seen = new Set<string>();

  get position(): Position | null {
    return this.position$.value;
  }

  /** Stand exactly here, as a `connect` reply, a `resync` or a poll says. */
  place(sequence: number, epoch: string): void {
    const { position } = this;
    if (position?.sequence === sequence && position.epoch === epoch) return;
    this.position$.next({ sequence, epoch });
  }

  /** Move forward, if it is forward, within the same log. */
  advance(sequence: number): void {
    const { position } = this;
    if (position && sequence > position.sequence) this.place(sequence, position.epoch);
  }

  /** Whether this event comes for the first time. */
  isNew(id: string): boolean {
    if (this.#seen.has(id)) return false;
    this.#seen.add(id);
    if (this.#seen.size > REMEMBERED_IDS) this.#seen.delete(this.#seen.values().next().value!);
    return true;
  }

  forget(): void {
    this.#seen.clear();
    if (this.position) this.position$.next(null);
  }
}
