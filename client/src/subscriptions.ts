import { ReplaySubject, Subject, type Observable } from "rxjs";

import { RequestError } from "./errors.js";
import type { Connected, Subscribed, Unsubscribed } from "./wire.js";

/** Joined by the server for every client. */
const AUTOMATIC = "notifications";
// What every poll brings without being asked.
const POLLED = /^(notifications$|conversation:)/;

/** A channel that the user may not be in, or not any longer. */
export interface Refusal {
  channel: string;
  error: RequestError;
}

/** Asks the server on the connection that there is; null while there is none. */
export type Ask = (type: "subscribe" | "unsubscribe", channel: string) => Observable<unknown>;

/** The channels that the page wants to hear, whatever happens to the connection. */
export class Subscriptions {
  readonly refused$ = new Subject<Refusal>();
  readonly #wanted: Set<string>;
  readonly #pending = new Map<string, ReplaySubject<Subscribed>>();
  #leftAutomatic = false;
  #ask: Ask | null = null;

  /** @param channels those to begin with. */
  constructor(private readonly initial: readonly string[]) {
    this.#wanted = new Set(initial);
  }

  /** What to name in a hello. */
  get channels(): string[] {
    return [...this.#wanted].filter((channel) => channel !== AUTOMATIC);
  }

  /** What to name in a poll. */
  get toPoll(): string[] {
    return this.channels.filter((channel) => !POLLED.test(channel));
  }

  /** Whether a polled event of this channel is for the page: some come unasked. */
  hears(channel: string | null): boolean {
    if (channel === AUTOMATIC) return !this.#leftAutomatic;
    // Of what was asked for, an event may have another name: `presence:7` for `presence`.
    return channel === null || !POLLED.test(channel) || this.#wanted.has(channel);
  }

  /** Join `channel`, now and after every reconnect. Gives its snapshot, once. */
  add(channel: string): Observable<Subscribed> {
    if (channel === AUTOMATIC) this.#leftAutomatic = false;
    this.#wanted.add(channel);
    let pending = this.#pending.get(channel);
    if (!pending) {
      pending = new ReplaySubject<Subscribed>(1);
      this.#pending.set(channel, pending);
      this.#join(channel);
    }
    return pending;
  }

  /** Leave `channel`. Gives the server's answer, once; at once while there is no connection. */
  remove(channel: string): Observable<Unsubscribed> {
    if (channel === AUTOMATIC) this.#leftAutomatic = true;
    this.#wanted.delete(channel);
    this.#pending.get(channel)?.complete();
    this.#pending.delete(channel);
    const left = new ReplaySubject<Unsubscribed>(1);
    const done = (): void => {
      left.next({ channel });
      left.complete();
    };
    if (this.#ask) {
      this.#ask("unsubscribe", channel).subscribe({
        complete: done,
        // Without a connection it is left, too: the next hello does not name it.
        error: (error: RequestError) =>
          error.code === "DISCONNECTED" ? done() : left.error(error),
      });
    } else {
      done();
    }
    return left;
  }

  /** The user may not be in `channel`; false if nobody wanted to. */
  refuse(channel: string, error: RequestError): boolean {
    const wanted = this.#wanted.delete(channel);
    if (!wanted) return false;
    this.#pending.get(channel)?.error(error);
    this.#pending.delete(channel);
    this.refused$.next({ channel, error });
    return true;
  }

  /** There is a connection on which a hello was answered. */
  restored({ channels, refused = {}, last_sequence, epoch }: Connected, ask: Ask): void {
    this.#ask = ask;
    for (const [channel, error] of Object.entries(refused)) {
      this.refuse(channel, RequestError.from(error));
    }
    for (const [channel, snapshot] of Object.entries(channels)) {
      this.#joined(channel, {
        channel,
        last_sequence,
        epoch,
        snapshot: snapshot as Record<string, unknown>,
      });
    }
    if (this.#leftAutomatic) ask("unsubscribe", AUTOMATIC).subscribe({ error: () => undefined });
    for (const channel of this.channels) if (!(channel in channels)) this.#join(channel);
  }

  /** There is a connection without a hello: polls go on where a socket stood. */
  resumed(ask: Ask): void {
    this.#ask = ask;
    for (const channel of this.#pending.keys()) this.#join(channel);
  }

  lost(): void {
    this.#ask = null;
  }

  /** Nobody will answer any more. */
  fail(error: RequestError): void {
    this.#ask = null;
    for (const pending of this.#pending.values()) pending.error(error);
    this.#pending.clear();
  }

  /** As at the beginning. */
  forget(): void {
    this.#leftAutomatic = false;
    this.#wanted.clear();
    for (const channel of this.initial) this.#wanted.add(channel);
  }

  #join(channel: string): void {
    this.#ask?.("subscribe", channel).subscribe({
      next: (data) => this.#joined(channel, data as Subscribed),
      error: (error: RequestError) => {
        if (error.code === "DISCONNECTED") return; // the next hello names it
        if (error.code !== "TIMEOUT") this.refuse(channel, error);
        this.#pending.get(channel)?.error(error);
        this.#pending.delete(channel);
      },
    });
  }

  #joined(channel: string, data: Subscribed): void {
    const pending = this.#pending.get(channel);
    this.#pending.delete(channel);
    pending?.next(data);
    pending?.complete();
  }
}
