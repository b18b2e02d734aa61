import { distinctUntilChanged, filter, map, throwError, type Observable } from "rxjs";

import { Connection } from "./connection.js";
import type { LoggedFrame } from "./frames.js";
import { complete, type Options } from "./options.js";
import { Presence, type PresenceStatus } from "./presence.js";
import { Session } from "./session.js";
import type { ConnectionState, ConnectionStatus } from "./status.js";
import type { Refusal } from "./subscriptions.js";
import type { Answer, Command, Envelope, Position, Subscribed, Unsubscribed } from "./wire.js";

const ANSWER_MS = 10_000;

/**
 * The realtime service, for a page: one connection that stays, by socket or by polls.
 *
 * ```ts
 * const service = new WebSocketService();
 * service.connect(token, userId);
 * service.on("notification").subscribe(({ payload }) => show(payload));
 * ```
 */
export class WebSocketService {
  /** The status and what is known besides; the current state first. */
  readonly state$: Observable<ConnectionState>;
  /** The status; the current one first. */
  readonly status$: Observable<ConnectionStatus>;
  /** Where this client stands in the log; the current position first, null before there is one. */
  readonly position$: Observable<Position | null>;
  /** Events are missing: fetch by REST what is shown, it goes on from this position. */
  readonly resync$: Observable<Position>;
  /** A lost connection is back, and so many events were missed, which have been told now. */
  readonly recovered$: Observable<{ missed: number }>;
  /** A channel that was subscribed to is not the user's, or not any longer. */
  readonly refused$: Observable<Refusal>;
  /** Every frame in and out on either transport, tokens masked. */
  readonly frames$: Observable<LoggedFrame>;

  readonly #session: Session;
  readonly #connection: Connection;
  readonly #presence: Presence;

  /** @throws TypeError `url` or `apiUrl` is malformed. */
  constructor(options: Options = {}) {
    const settings = complete(options);
    this.#session = new Session(settings.channels, settings.queueLimit);
    this.#connection = new Connection(settings, this.#session, () => this.#tellPresence());
    this.#presence = new Presence(settings.awayAfterMs, () => this.#tellPresence());
    this.state$ = this.#connection.state$.asObservable();
    this.status$ = this.state$.pipe(
      map(({ status }) => status),
      distinctUntilChanged(),
    );
    this.position$ = this.#session.cursor.position$.asObservable();
    this.resync$ = this.#session.resync$.asObservable();
    this.recovered$ = this.#session.recovered$.asObservable();
    this.refused$ = this.#session.subscriptions.refused$.asObservable();
    this.frames$ = this.#session.log.frames$.asObservable();
  }

  /** The status now. */
  get status(): ConnectionStatus {
    return this.#connection.state$.value.status;
  }

  /**
   * Connect and stay connected until `disconnect()`.
   *
   * Called again with another token of the same user it only changes the token;
   * with another user, it first disconnects.
   *
   * @param token an access token; may be left out where there is `getToken`.
   * @param userId whose token it is; left out, its `user_id` claim.
   */
  connect(token = "", userId = ""): void {
    if (this.#connection.isAnother(token, userId)) this.disconnect();
    this.#connection.start(token, userId);
    this.#presence.start();
  }

  /**
   * Close the connection and forget the user: channels, position, waiting commands.
   *
   * Who waits for an answer gets the error DISCONNECTED.
   */
  disconnect(): void {
    this.#presence.stop();
    this.#presence.forget();
    this.#connection.stop();
  }

  /**
   * Join a channel now, and again after every reconnect.
   *
   * It happens at the call, whether or not anybody subscribes to what it returns.
   *
   * @returns the channel's snapshot and its position, once. Errors: RequestError, as
   *   CHANNEL_NOT_FOUND; the channel is then forgotten.
   */
  subscribe(channel: string): Observable<Subscribed> {
    return this.#session.subscriptions.add(channel);
  }

  /** Leave a channel, at the call. @returns the server's answer, once. */
  unsubscribe(channel: string): Observable<Unsubscribed> {
    return this.#session.subscriptions.remove(channel);
  }

  /** Every frame of this type from now on; an event only once, however often it was sent. */
  on<Type extends string>(type: Type): Observable<Envelope<Type>> {
    return this.#session.frames$.pipe(
      filter((frame): frame is typeof frame & Envelope<Type> => frame.type === type),
    );
  }

  /**
   * Send a frame; while there is no connection it waits for one.
   *
   * Typing is not kept: it means nothing later. A `message` is sent again until it
   * has arrived, which its `id` makes safe.
   *
   * @throws RequestError QUEUE_FULL: too many wait; INVALID_MESSAGE: over 64 KiB.
   */
  send<const Type extends string>(msg: { type: Type } & Command<Type>): void {
    this.#session.outbox.add(msg);
  }

  /**
   * Send a frame, at the call and once, and get its answer.
   *
   * @param timeoutMs how long to wait for it, in milliseconds, from the call.
   * @returns the `ack`, also for who subscribes later. Errors: RequestError with the
   *   server's code, or TIMEOUT, DISCONNECTED, QUEUE_FULL.
   */
  sendWithAck<const Type extends string>(
    msg: { type: Type } & Command<Type>,
    timeoutMs = ANSWER_MS,
  ): Observable<Answer<Type>> {
    try {
      const answer: Observable<unknown> = this.#session.outbox.add(msg, { timeoutMs });
      return answer as Observable<Answer<Type>>;
    } catch (error) {
      return throwError(() => error);
    }
  }

  /** The user's own status, told again after every reconnect. */
  setPresence(status: PresenceStatus): void {
    this.#presence.choose(status);
  }

  /** Lose the connection as if the network had, for so many milliseconds: for demos and tests. */
  interrupt(milliseconds: number): void {
    this.#connection.interrupt(milliseconds);
  }

  #tellPresence(): void {
    const { status } = this.#presence;
    if (status && this.#session.live) {
      this.#session.ask("presence", { status }).subscribe({ error: () => undefined });
    }
  }
}
