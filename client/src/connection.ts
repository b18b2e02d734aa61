import { BehaviorSubject } from "rxjs";

import { Backoff } from "./backoff.js";
import { RequestError, SessionOver } from "./errors.js";
import { hello } from "./hello.js";
import { Http } from "./http.js";
import type { Settings } from "./options.js";
import { isOffline, watchPage } from "./page.js";
import { Polling } from "./polling.js";
import { Renewal } from "./renewal.js";
import type { Session } from "./session.js";
import { ABNORMAL, Socket } from "./socket.js";
import { ConnectionStatus, type ConnectionState } from "./status.js";
import { readClaims, Tokens } from "./tokens.js";
import { CloseCode, type Connected, type Disconnected, type ServerEnvelope } from "./wire.js";

const SOCKET_RETRY_MS = 30_000;
/** A connection that ends sooner counts as a failure, too. */
const STABLE_MS = 10_000;

/** What is known of how a connection, or an attempt at one, came to its end. */
interface Ending {
  closeCode?: number;
  error?: RequestError;
}

/** Keeps a session connected: by a socket, or by polls while there can be none. */
export class Connection {
  readonly state$ = new BehaviorSubject<ConnectionState>({
    status: ConnectionStatus.DISCONNECTED,
  });
  readonly #tokens: Tokens;
  readonly #http: Http;
  readonly #backoff: Backoff;
  readonly #renewal: Renewal;
  #userId = "";
  #socket: Socket | null = null;
  #polling: Polling | null = null;
  /** Raised when what is under way shall lead nowhere. */
  #run = 0;
  #active = false;
  #wasUp = false;
  #socketUpSince: number | null = null;
  #notBefore = 0;
  #goodbye: Disconnected | null = null;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #unwatch: () => void = () => undefined;

  /** @param onUp called whenever there is a connection again. */
  constructor(
    private readonly settings: Settings,
    private readonly session: Session,
    private readonly onUp: () => void,
  ) {
    this.#tokens = new Tokens(session.clock, settings.getToken);
    this.#http = new Http(settings.fetch, settings.apiUrl, session.clock, session.log);
    this.#backoff = new Backoff(settings.random);
    this.#renewal = new Renewal(this.#tokens, session, (error) => this.#end({ error }));
  }

  // --- what the service asks -----------------------------------------------------------

  /** Whether this is not the user who is, or was, connected. */
  isAnother(token: string, userId: string): boolean {
    const user = userId || readClaims(token).userId || this.#userId;
    return this.#userId !== "" && user !== this.#userId;
  }

  /** Connect as this user; with a new token for the same one only that changes. */
  start(token: string, userId: string): void {
    this.#userId = userId || readClaims(token).userId || this.#userId;
    if (this.#active) {
      if (token) this.#useToken(token);
      return;
    }
    this.#tokens.begin(token);
    this.#active = true;
    this.#wasUp = false;
    this.#notBefore = 0;
    this.#backoff.reset();
    this.#unwatch = watchPage(() => this.#changed());
    void this.#attempt();
  }

  #useToken(token: string): void {
    this.#tokens.use(token);
    if (this.#socketUpSince !== null) this.#renewal.authenticate(token);
  }

  /** Close, and forget who it was. */
  stop(): void {
    this.#socket?.send({ type: "disconnect" });
    this.#halt();
    this.session.end(new RequestError("DISCONNECTED", "disconnect() was called"));
    this.session.forget();
    this.#userId = "";
    this.#show({ status: ConnectionStatus.DISCONNECTED });
  }

  /** Lose the connection, and stay away for so many milliseconds. */
  interrupt(milliseconds: number): void {
    if (!this.#active) return;
    this.session.log.note(`interrupted for ${milliseconds} ms`);
    this.#stopPolling();
    this.#stayAway(milliseconds);
    this.#dropSocket();
    this.session.lost();
    this.#retryAfterPause({ closeCode: ABNORMAL });
  }

  // --- one attempt ---------------------------------------------------------------------

  async #attempt(): Promise<void> {
    clearTimeout(this.#retryTimer);
    const run = ++this.#run;
    if (!this.#polling) this.#show({ status: this.#trying });
    try {
      const token = await this.#tokens.current();
      if (run !== this.#run) return;
      this.#userId ||= readClaims(token).userId ?? "";
      this.#open(token);
    } catch (error) {
      if (run !== this.#run) return;
      if (error instanceof SessionOver) this.#end({ error });
      else this.#failed(error instanceof RequestError ? { error } : {});
    }
  }

  #open(token: string): void {
    const { webSocket, socketUrl } = this.settings;
    const { cursor, subscriptions, log } = this.session;
    if (!webSocket) return this.#startPolling();
    const { url, frame, hold } = hello(socketUrl, cursor.position, subscriptions.channels);
    this.#goodbye = null;
    const onFrame = (received: ServerEnvelope): void => this.#receive(received);
    const onEnd = (code: number, opened: boolean): void => this.#ended(code, opened);
    try {
      this.#socket = new Socket(webSocket, { url, token, hello: frame, log, onFrame, onEnd });
      this.session.begin(hold);
    } catch (error) {
      // The page may not open sockets, now or later.
      log.note(`no socket: ${String(error)}`);
      this.#startPolling();
    }
  }

  #receive(frame: ServerEnvelope): void {
    if (frame.type === "disconnect") {
      this.#goodbye = frame.payload as Disconnected;
      this.#stayAway(this.#goodbye.reconnect_after_ms ?? 0);
    }
    if (frame.type !== "connect" || this.#socketUpSince !== null) {
      this.session.receive(frame);
      return;
    }
    this.#stopPolling();
    this.#socketUpSince = Date.now();
    const reply = frame.payload as Connected;
    this.session.established(reply, (command) => this.#socket?.send(command));
    this.#renewal.start();
    this.#up(ConnectionStatus.CONNECTED);
    if (!this.#active) return; // who was told of it has disconnected
    this.session.receive(frame);
    this.session.announce(reply.recovered);
  }

  #up(status: ConnectionStatus): void {
    this.#wasUp = true;
    this.#show({ status });
    this.onUp();
  }

  // --- how it ends, and what comes next ------------------------------------------------

  #ended(code: number, opened: boolean): void {
    this.#socket = null;
    const closeCode = this.#goodbye?.reconnect === false ? this.#goodbye.code : code;
    if (closeCode === CloseCode.TOKEN_EXPIRED) {
      const error = new RequestError("TOKEN_EXPIRED", this.#goodbye?.reason ?? "token expired");
      this.#lostSocket();
      if (this.#mayTryAnother(this.#tokens.latest, { error, closeCode })) void this.#attempt();
    } else if (closeCode >= 4500 && closeCode <= 4999) {
      this.#end({ closeCode });
    } else if (!opened && !this.#polling) {
      void this.#askWhy(closeCode);
    } else {
      this.#failed({ closeCode });
    }
  }

  /** A browser does not tell why a handshake was refused. A poll does. */
  async #askWhy(closeCode: number): Promise<void> {
    const run = ++this.#run;
    const token = this.#tokens.latest;
    const error = await this.#http.whyRefused(this.#userId, token);
    if (run !== this.#run) return;
    if (error?.code === "FORBIDDEN") {
      this.#end({ error });
    } else if (error?.unauthorised) {
      if (this.#mayTryAnother(token, { error })) void this.#attempt();
    } else {
      this.#stayAway((error?.retryAfter ?? 0) * 1000);
      this.#failed({ closeCode, ...(error ? { error } : {}) });
    }
  }

  /** Whether there may be a token that is taken, where this one was not; if not, it has ended. */
  #mayTryAnother(token: string, ending: Ending): boolean {
    const may = this.#tokens.refuse(token);
    if (!may) this.#end(ending);
    return may;
  }

  #failed(ending: Ending): void {
    this.#lostSocket();
    this.#retryAfterPause(ending);
  }

  #lostSocket(): void {
    const since = this.#socketUpSince;
    if (since !== null && Date.now() >= since + STABLE_MS) this.#backoff.reset();
    this.#dropSocket();
    if (!this.#polling) this.session.lost();
  }

  #retryAfterPause(ending: Ending): void {
    const { failures } = this.#backoff;
    const pause = this.#polling ? this.#backoff.jitter(SOCKET_RETRY_MS) : this.#backoff.next();
    const retryAt = Math.max(Date.now() + pause, this.#notBefore);
    const enough = failures + 1 >= this.settings.attemptsBeforePolling;
    if (!this.#polling && enough && Date.now() >= this.#notBefore) this.#startPolling();
    else this.#retryTimer = setTimeout(() => void this.#attempt(), retryAt - Date.now());
    if (!this.#polling) this.#show({ status: this.#trying, retryAt, ...ending });
  }

  #end(ending: Ending): void {
    this.#halt();
    const reason = "The server has ended the connection";
    this.session.end(ending.error ?? new RequestError("DISCONNECTED", reason));
    this.#show({ status: ConnectionStatus.ENDED, ...ending });
  }

  #halt(): void {
    this.#active = false;
    this.#run += 1;
    this.#unwatch();
    this.#stopPolling();
    this.#dropSocket();
  }

  #dropSocket(): void {
    this.#run += 1;
    this.#socket?.close();
    this.#socket = null;
    this.#socketUpSince = null;
    clearTimeout(this.#retryTimer);
    this.#renewal.stop();
  }

  // --- polls ---------------------------------------------------------------------------

  /** Poll, and try a socket again now and then. */
  #startPolling(): void {
    const pause = this.#backoff.jitter(SOCKET_RETRY_MS);
    if (this.settings.webSocket) {
      this.#retryTimer = setTimeout(() => void this.#attempt(), pause);
    }
    if (this.#polling) return;
    this.#polling = new Polling({
      http: this.#http,
      session: this.session,
      random: this.settings.random,
      userId: () => this.#userId,
      token: () => this.#tokens.current(),
      onReady: () => this.#up(ConnectionStatus.POLLING),
      onFailing: (error) => {
        this.session.lost();
        const known = error instanceof RequestError ? { error } : {};
        this.#show({ status: ConnectionStatus.OFFLINE, ...known });
      },
      onUnauthorised: (error, token) => this.#mayTryAnother(token, { error }),
      onEnd: (error) => this.#end({ error }),
    });
    void this.#polling.run();
  }

  #stopPolling(): void {
    this.#polling?.stop();
    this.#polling = null;
  }

  // --- small things --------------------------------------------------------------------

  get #trying(): ConnectionStatus {
    if (isOffline()) return ConnectionStatus.OFFLINE;
    return this.#wasUp ? ConnectionStatus.RECONNECTING : ConnectionStatus.CONNECTING;
  }

  #show(state: ConnectionState): void {
    this.state$.next(state);
  }

  #stayAway(milliseconds: number): void {
    this.#notBefore = Math.max(this.#notBefore, Date.now() + milliseconds);
  }

  /** The page was shown again, or the network has changed. */
  #changed(): void {
    if (this.#socket) {
      this.#socket.probe();
    } else if (!isOffline() && Date.now() >= this.#notBefore) {
      this.#polling?.hurry();
      void this.#attempt();
    }
  }
}
