import { Subject, map, type Observable } from "rxjs";

import { ServerClock } from "./clock.js";
import { Cursor } from "./cursor.js";
import { RequestError } from "./errors.js";
import { FrameLog } from "./frames.js";
import { Outbox, type Transmit } from "./outbox.js";
import { Subscriptions, type Ask } from "./subscriptions.js";
import type {
  Ack,
  Connected,
  Heartbeat,
  PollAnswer,
  PollEvent,
  Position,
  Resync,
  ServerEnvelope,
} from "./wire.js";

const ANSWER_MS = 10_000;

/**
 * What outlives connections: the place in the log, the channels, commands on their way.
 *
 * Takes the frames of either transport and knows neither.
 */
export class Session {
  readonly clock = new ServerClock();
  readonly cursor = new Cursor();
  readonly log = new FrameLog();
  readonly outbox: Outbox;
  readonly subscriptions: Subscriptions;
  /** Every frame that the server sent; events once. */
  readonly frames$ = new Subject<ServerEnvelope>();
  readonly resync$ = new Subject<Position>();
  readonly recovered$ = new Subject<{ missed: number }>();
  /** Whether there is a connection on which everything missed has arrived. */
  live = false;
  #cut = false;
  #returning = false;
  #missed = 0;
  #held: ServerEnvelope[] | null = null;
  #recovering = false;
  /** Raised by `forget`, which whoever is told of an event may bring about. */
  #life = 0;

  constructor(channels: readonly string[], queueLimit: number) {
    this.outbox = new Outbox(queueLimit);
    this.subscriptions = new Subscriptions(channels);
  }

  // --- beginnings and ends of connections ----------------------------------------------

  /**
   * A hello is on its way.
   *
   * @param hold keep events back until it is answered: it goes in a frame, and live
   *   events may come before what was missed.
   */
  begin(hold: boolean): void {
    this.#recovering = true;
    this.#held = hold ? [] : null;
  }

  /** A hello was answered: everything missed has arrived. `announce` comes next. */
  established(reply: Connected, transmit: Transmit): void {
    this.#returning = this.cursor.position !== null;
    this.#release();
    this.clock.set(reply.timestamp);
    this.cursor.place(reply.last_sequence, reply.epoch);
    this.#open(transmit);
    this.subscriptions.restored(reply, this.#ask);
  }

  /** Polls go on from where a socket stood, and everything missed has arrived. */
  resumed(transmit: Transmit): void {
    this.#returning = true;
    this.#open(transmit);
    this.subscriptions.resumed(this.#ask);
  }

  #open(transmit: Transmit): void {
    this.live = true;
    this.#recovering = false;
    this.outbox.open(transmit);
  }

  /** Say how it went with what was missed, once the status has been told. */
  announce(recovered: boolean): void {
    const missed = this.#missed;
    this.#missed = 0;
    if (this.#returning && !recovered) this.resync$.next(this.cursor.position!);
    else if (this.#cut) this.recovered$.next({ missed });
    this.#cut = false;
  }

  /** The connection is gone; there may be another. */
  lost(): void {
    this.#held = null;
    if (this.live) this.#cut = true;
    this.live = false;
    this.subscriptions.lost();
    this.outbox.lost();
  }

  /** There will be no other: who waits for an answer gets `error`. */
  end(error: RequestError): void {
    this.lost();
    this.subscriptions.fail(error);
    this.outbox.clear(error);
  }

  /** Begin anew, perhaps as somebody else. */
  forget(): void {
    this.#life += 1;
    this.cursor.forget();
    this.subscriptions.forget();
    this.#cut = false;
  }

  // --- commands ------------------------------------------------------------------------

  /** Ask something that only matters on this connection. Gives the ack's data. */
  ask(type: string, payload: object): Observable<unknown> {
    const terms = { timeoutMs: ANSWER_MS, fleeting: true };
    return this.outbox
      .add({ type, payload }, terms)
      .pipe(map((frame) => (frame.payload as Ack).data));
  }

  readonly #ask: Ask = (type, channel) => this.ask(type, { channel });

  // --- what the server sends -----------------------------------------------------------

  /** Take a frame. The answer to a hello is for `established`, before it comes here. */
  receive(frame: ServerEnvelope): void {
    switch (frame.type) {
      case "heartbeat":
        this.#beaten(frame.payload as Heartbeat);
        this.outbox.settle(frame);
        break;
      case "ack":
      case "error":
      case "connect":
        this.outbox.settle(frame);
        break;
      case "resync":
        this.#resynced(frame.payload as Resync);
        break;
      case "disconnect":
        break;
      default:
        if (this.#held) this.#held.push(frame);
        else this.#deliver(frame);
        return;
    }
    this.frames$.next(frame);
  }

  /** Take what a poll brought. */
  polled(answer: PollAnswer): void {
    const life = this.#life;
    for (const event of answer.events) {
      if (life !== this.#life) return;
      if (this.subscriptions.hears(event.channel)) this.#deliver(asEnvelope(event));
    }
    if (life !== this.#life) return;
    // A socket that is about to take over may be ahead.
    if (answer.epoch === this.cursor.position?.epoch && !answer.resync) {
      this.cursor.advance(answer.last_poll_id);
    } else {
      this.cursor.place(answer.last_poll_id, answer.epoch);
    }
    if (answer.resync && this.live) this.resync$.next(this.cursor.position!);
  }

  #beaten({ timestamp, last_sequence }: Heartbeat): void {
    this.clock.set(timestamp);
    if (this.live) this.cursor.advance(last_sequence);
  }

  #resynced({ last_sequence, epoch }: Resync): void {
    this.cursor.place(last_sequence, epoch);
    // During a recovery the `connect` reply is still to come, and says the same.
    if (this.live && !this.#recovering) this.resync$.next(this.cursor.position!);
  }

  #release(): void {
    const held = this.#held ?? [];
    this.#held = null;
    const bySequence = (frame: ServerEnvelope): number => frame.sequence ?? Infinity;
    held.sort((one, other) => (bySequence(one) < bySequence(other) ? -1 : 1));
    for (const frame of held) this.#deliver(frame);
  }

  #deliver(frame: ServerEnvelope): void {
    if (this.cursor.isNew(frame.id)) {
      if (!this.live) this.#missed += 1;
      this.frames$.next(frame);
    }
    if (frame.sequence) this.cursor.advance(frame.sequence);
  }
}

function asEnvelope({ event_id: id, sequence, channel, type, payload, timestamp }: PollEvent) {
  return {
    ...{ id, type, payload, timestamp },
    ...(channel === null ? {} : { channel }),
    ...(sequence === null ? {} : { sequence }),
  } satisfies ServerEnvelope;
}
