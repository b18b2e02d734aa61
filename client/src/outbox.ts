import { ReplaySubject, type Observable } from "rxjs";

import { RequestError } from "./errors.js";
import { uuid } from "./ids.js";
import type { AnyCommand, ErrorObject, ServerEnvelope } from "./wire.js";

// The server takes 100 a second; heartbeats and the hello need some of it, too.
const FRAMES_PER_SECOND = 80;
const MAX_FRAME_BYTES = 64 * 1024;

// Of no use later.
const FLEETING = new Set(["typing_start", "typing_stop", "heartbeat"]);
// Carrying them out twice does what once does: a `message` by its UUID, these by what they say.
const REPEATABLE = new Set(["message", "notification_read", "read_receipt"]);

/**
 * Hands a command to the transport. A promise: the next one has to wait for it.
 *
 * It rejects with a RequestError for what the server refused, with anything
 * else where no answer came.
 */
export type Transmit = (command: AnyCommand) => void | Promise<void>;

interface Entry {
  command: AnyCommand;
  answer: ReplaySubject<ServerEnvelope>;
  /** Only of use on this connection. */
  fleeting: boolean;
  timer?: ReturnType<typeof setTimeout>;
}

/** What is known of one command before it is added. */
export interface Terms {
  /** Milliseconds to wait for its answer; without it nobody waits. */
  timeoutMs?: number;
  /** Whether it is pointless on any connection but this one. */
  fleeting?: boolean;
}

/** Commands on their way: those that wait for a connection, and those that wait for an answer. */
export class Outbox {
  #waiting: Entry[] = [];
  readonly #sent = new Map<string, Entry>();
  #transmit: Transmit | null = null;
  #busy = false;
  #lastAck = 0;
  #second = 0;
  #inSecond = 0;
  /** While it is set nothing is sent. */
  #pumpTimer: ReturnType<typeof setTimeout> | undefined;

  /** @param limit how many commands may wait for a connection. */
  constructor(private readonly limit: number) {}

  /**
   * Send a command, now or when there is a connection.
   *
   * @returns its answer, once; it completes without one where nobody waits for it.
   * @throws RequestError INVALID_MESSAGE (too big) or QUEUE_FULL: it is not sent.
   */
  add(command: AnyCommand, terms: Terms = {}): Observable<ServerEnvelope> {
    const entry = this.#entry(command, terms);
    if (!this.#transmit && entry.fleeting) {
      entry.answer.error(new RequestError("DISCONNECTED", "There is no connection"));
      return entry.answer;
    }
    if (!entry.fleeting && this.#waiting.length >= this.limit) {
      throw new RequestError("QUEUE_FULL", `${this.limit} commands wait for a connection`);
    }
    if (terms.timeoutMs !== undefined) {
      entry.timer = setTimeout(() => this.#timeOut(entry), terms.timeoutMs);
    }
    this.#waiting.push(entry);
    this.#pump();
    return entry.answer;
  }

  #entry(given: AnyCommand, { timeoutMs, fleeting }: Terms): Entry {
    const command = { ...given };
    if (command.type === "message") command.id ??= uuid();
    // A message waits for its ack even if nobody else does: it is kept until it has arrived.
    if (timeoutMs !== undefined || command.type === "message") {
      command.ack_id ??= `ack_${++this.#lastAck}`;
    }
    if (new TextEncoder().encode(JSON.stringify(command)).length > MAX_FRAME_BYTES) {
      throw new RequestError("INVALID_MESSAGE", "A frame has at most 64 KiB");
    }
    const answer = new ReplaySubject<ServerEnvelope>(1);
    return { command, answer, fleeting: fleeting || FLEETING.has(command.type) };
  }

  /** There is a connection: send what has waited. */
  open(transmit: Transmit): void {
    this.#transmit = transmit;
    this.#pump();
  }

  /** The connection is gone. What may be repeated will be; what may not fails. */
  lost(): void {
    this.#transmit = null;
    const again = [...this.#sent.values()].filter(({ command }) => REPEATABLE.has(command.type));
    const kept = [...again, ...this.#waiting].filter(({ fleeting }) => !fleeting);
    this.#abandon(new RequestError("DISCONNECTED", "The connection was lost"), new Set(kept));
    this.#waiting = kept;
  }

  /** There will be no connection: everything fails. */
  clear(error: RequestError): void {
    this.#transmit = null;
    this.#abandon(error);
  }

  #abandon(error: RequestError, kept = new Set<Entry>()): void {
    clearTimeout(this.#pumpTimer);
    this.#pumpTimer = undefined;
    const entries = [...this.#sent.values(), ...this.#waiting];
    this.#sent.clear();
    this.#waiting = [];
    for (const entry of entries) if (!kept.has(entry)) this.#fail(entry, error);
  }

  /** Give an answer to whom it is for, if anybody. */
  settle(frame: ServerEnvelope): void {
    const entry = this.#sent.get(frame.ack_id ?? "");
    if (!entry) return;
    this.#sent.delete(frame.ack_id!);
    if (frame.type === "error") {
      this.#refused(entry, RequestError.from(frame.payload as ErrorObject));
      return;
    }
    clearTimeout(entry.timer);
    entry.answer.next(frame);
    entry.answer.complete();
  }

  #refused(entry: Entry, error: RequestError): void {
    // It was not looked at: it may be asked again, whatever it is.
    if (error.code === "RATE_LIMITED" && error.retryAfter) {
      this.#waiting.unshift(entry);
      this.#pumpIn(error.retryAfter * 1000);
    } else {
      this.#fail(entry, error);
    }
  }

  #timeOut(entry: Entry): void {
    this.#waiting = this.#waiting.filter((one) => one !== entry);
    this.#sent.delete(entry.command.ack_id!);
    entry.answer.error(new RequestError("TIMEOUT", "No answer came in time"));
  }

  #fail(entry: Entry, error: RequestError): void {
    clearTimeout(entry.timer);
    entry.answer.error(error);
  }

  #pumpIn(milliseconds: number): void {
    clearTimeout(this.#pumpTimer);
    this.#pumpTimer = setTimeout(() => {
      this.#pumpTimer = undefined;
      this.#pump();
    }, milliseconds);
  }

  #pump(): void {
    while (this.#transmit && !this.#busy && !this.#pumpTimer && this.#waiting.length) {
      if (this.#overBudget()) return;
      this.#handOver(this.#transmit, this.#waiting.shift()!);
    }
  }

  #overBudget(): boolean {
    const now = Date.now();
    if (now >= this.#second + 1000 || now < this.#second) {
      this.#second = now;
      this.#inSecond = 0;
    }
    if (this.#inSecond++ < FRAMES_PER_SECOND) return false;
    this.#pumpIn(this.#second + 1000 - now);
    return true;
  }

  #handOver(transmit: Transmit, entry: Entry): void {
    const { command, answer } = entry;
    if (command.ack_id) this.#sent.set(command.ack_id, entry);
    const answered = transmit(command);
    if (!answered) {
      if (!command.ack_id) answer.complete();
      return;
    }
    this.#busy = true;
    answered
      .then(() => {
        if (!command.ack_id) answer.complete();
      })
      .catch((error: unknown) => this.#notTaken(entry, error))
      .finally(() => {
        this.#busy = false;
        this.#pump();
      });
  }

  /** A transport that answers at once has none: a refusal, or silence. */
  #notTaken(entry: Entry, error: unknown): void {
    const { ack_id: ackId, type } = entry.command;
    // Else it has timed out, or was dealt with when the connection was lost.
    if (ackId && !this.#sent.delete(ackId)) return;
    if (error instanceof RequestError) this.#refused(entry, error);
    else if (REPEATABLE.has(type) && !entry.fleeting) this.#waiting.unshift(entry);
    else this.#fail(entry, new RequestError("DISCONNECTED", "The server could not be reached"));
  }
}
