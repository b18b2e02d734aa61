import { Backoff } from "./backoff.js";
import { RequestError, SessionOver } from "./errors.js";
import type { Http } from "./http.js";
import type { Session } from "./session.js";
import type { AnyCommand, Connected, ErrorObject, ServerEnvelope } from "./wire.js";

const WAIT_SECONDS = 25;
const UNSAID_PAUSE_MS = 5000;

/** What polls need, and whom they tell. */
export interface PollingTerms {
  http: Http;
  session: Session;
  random: () => number;
  /** Whose polls they are; known once there is a token. */
  userId(): string;
  /** A token that should hold. */
  token(): Promise<string>;
  /** Polls are answered, and everything missed has arrived. */
  onReady(): void;
  /** Nobody answers, or not with what was asked for. It goes on trying. */
  onFailing(error: unknown): void;
  /** This token was not taken; whether another one may be. If not, `stop` has been called. */
  onUnauthorised(error: RequestError, token: string): boolean;
  /** There is no sense in going on. */
  onEnd(error: RequestError): void;
}

/** Long polls from where the client stands, and commands by `POST`, until it is stopped. */
export class Polling {
  readonly #backoff: Backoff;
  #stopped = false;
  #asking = new AbortController();
  #resting = new AbortController();
  #asked: string | null = null;
  #token = "";
  #ready = false;
  #recovered = true;

  constructor(private readonly terms: PollingTerms) {
    this.#backoff = new Backoff(terms.random);
  }

  /** Poll until `stop()`. */
  async run(): Promise<void> {
    while (!this.#stopped) {
      const asking = (this.#asking = new AbortController());
      try {
        await this.#step(asking.signal);
        this.#backoff.reset();
      } catch (error) {
        if (this.#stopped) return;
        if (!asking.signal.aborted) await this.#failed(error);
      }
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#asking.abort();
    this.#resting.abort();
  }

  /** The network may be back: do not wait to try again. */
  hurry(): void {
    this.#backoff.reset();
    this.#resting.abort();
  }

  async #step(signal: AbortSignal): Promise<void> {
    const token = (this.#token = await this.terms.token());
    if (!this.terms.session.cursor.position) return this.#hello(token, signal);
    await sleep(this.terms.http.pacer.wait, signal);
    signal.throwIfAborted();
    return this.#poll(token, signal);
  }

  /** Where to begin: the same hello as on a socket. A poll would tell everything ever kept. */
  async #hello(token: string, signal: AbortSignal): Promise<void> {
    const { http, session } = this.terms;
    const payload = { channels: session.subscriptions.channels };
    const frame = await http.send({ type: "connect", payload }, token, signal);
    if (signal.aborted) return;
    if (frame.type !== "connect") throw RequestError.from(frame.payload as ErrorObject);
    this.#ready = true;
    const reply = frame.payload as Connected;
    session.established(reply, this.#transmit);
    this.terms.onReady();
    if (this.#stopped) return; // who was told of it has disconnected
    session.receive(frame);
    session.announce(reply.recovered);
  }

  async #poll(token: string, signal: AbortSignal): Promise<void> {
    const { http, session } = this.terms;
    const { sequence, epoch } = session.cursor.position!;
    const channels = (this.#asked = session.subscriptions.toPoll.join(","));
    const question = {
      ...{ user_id: this.terms.userId(), last_poll_id: sequence, epoch },
      timeout: this.#ready ? WAIT_SECONDS : 0,
      ...(channels ? { channels } : {}),
    };
    const answer = await http.poll(question, token, signal).finally(() => (this.#asked = null));
    if (signal.aborted) return;
    session.polled(answer);
    if (answer.resync) this.#recovered = false;
    if (this.#ready || answer.has_more || this.#stopped) return;
    this.#ready = true;
    session.resumed(this.#transmit);
    this.terms.onReady();
    if (this.#stopped) return;
    session.announce(this.#recovered);
    this.#recovered = true;
  }

  readonly #transmit = async (command: AnyCommand): Promise<void> => {
    let frame: ServerEnvelope;
    try {
      frame = await this.#send(command);
    } catch (error) {
      if (isRefusal(error)) throw error;
      if (!this.#stopped) this.#unreachable(error);
      throw new Error("There was no answer", { cause: error });
    }
    this.terms.session.receive(frame);
    // A channel was joined: the poll that waits does not know of it.
    const { toPoll } = this.terms.session.subscriptions;
    if (this.#asked !== null && toPoll.join(",") !== this.#asked) this.#asking.abort();
  };

  async #send(command: AnyCommand): Promise<ServerEnvelope> {
    const { http, onUnauthorised } = this.terms;
    // Not ended with the polls: a socket may take over while it is on its way.
    const { signal } = new AbortController();
    const token = await this.terms.token();
    try {
      return await http.send(command, token, signal);
    } catch (error) {
      const unauthorised = error instanceof RequestError && error.unauthorised;
      if (!unauthorised || this.#stopped || !onUnauthorised(error, token)) throw error;
      return http.send(command, await this.terms.token(), signal);
    }
  }

  async #failed(error: unknown): Promise<void> {
    const { session, http, onEnd, onUnauthorised } = this.terms;
    if (error instanceof RequestError) {
      if (error instanceof SessionOver || error.code === "FORBIDDEN") return onEnd(error);
      if (error.unauthorised && onUnauthorised(error, this.#token)) return;
      if (this.#stopped) return;
      if (error.code === "RATE_LIMITED") {
        return http.pacer.pause(error.retryAfter * 1000 || UNSAID_PAUSE_MS);
      }
      const channel = String(error.details["channel"]);
      const isAbout = error.code === "CHANNEL_NOT_FOUND";
      if (isAbout && session.subscriptions.refuse(channel, error)) return;
    }
    this.#unreachable(error);
    this.#resting = new AbortController();
    await sleep(this.#backoff.next(), this.#resting.signal);
  }

  #unreachable(error: unknown): void {
    this.#ready = false;
    this.#asking.abort(); // ask at once, and do not wait for an event
    this.terms.onFailing(error);
  }
}

/** Whether the server looked at it and said no; a gateway's error says nothing. */
function isRefusal(error: unknown): boolean {
  return error instanceof RequestError && error.code !== "INTERNAL_ERROR";
}

/** Resolves after so many milliseconds, or when `signal` aborts. */
function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (milliseconds <= 0 || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", done);
  });
}
