import { Subject } from "rxjs";

import type { AnyCommand } from "./wire.js";

/** What went over the wire, for a log on the page. Tokens are masked. */
export interface LoggedFrame {
  direction: "in" | "out" | "note";
  at: Date;
  /** The frame; notes (a socket opened, a poll asked) have none. */
  frame?: object;
  text: string;
}

/** Every frame of either transport. Costs nothing while nobody listens. */
export class FrameLog {
  readonly frames$ = new Subject<LoggedFrame>();

  in(frame: object): void {
    this.#add("in", frame);
  }

  out(frame: AnyCommand): void {
    const { type } = frame;
    this.#add("out", type === "authenticate" ? { ...frame, payload: { token: "…" } } : frame);
  }

  note(text: string): void {
    if (this.frames$.observed) this.frames$.next({ direction: "note", at: new Date(), text });
  }

  #add(direction: "in" | "out", frame: object): void {
    if (!this.frames$.observed) return;
    this.frames$.next({ direction, at: new Date(), frame, text: JSON.stringify(frame) });
  }
}
