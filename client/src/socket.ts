import type { FrameLog } from "./frames.js";
import type { AnyCommand, ServerEnvelope } from "./wire.js";

const HEARTBEAT_MS = 25_000;
const SILENCE_MS = 10_000;
const NORMAL = 1000;
/** What browsers report of a connection that ended without a close frame. */
export const ABNORMAL = 1006;

/** As much of a WebSocket as is used here. */
export interface SocketLike {
  readonly readyState: number;
  onopen: ((event: any) => void) | null; // eslint-disable-line @typescript-eslint/no-explicit-any
  onmessage: ((event: any) => void) | null; // eslint-disable-line @typescript-eslint/no-explicit-any
  onclose: ((event: any) => void) | null; // eslint-disable-line @typescript-eslint/no-explicit-any
  onerror: ((event: any) => void) | null; // eslint-disable-line @typescript-eslint/no-explicit-any
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

/** A browser's `WebSocket`, or one that does the same (the `ws` package in Node.js). */
export type SocketConstructor = new (url: string, protocols: string[]) => SocketLike;

/** What a socket is opened with, and whom it tells. */
export interface SocketTerms {
  url: string;
  token: string;
  /** Sent first, where the URL does not say it all. */
  hello: AnyCommand | null;
  log: FrameLog;
  onFrame(frame: ServerEnvelope): void;
  /** Called once, unless it was closed from here. `opened`: the handshake had succeeded. */
  onEnd(code: number, opened: boolean): void;
}

/** One WebSocket from its handshake to its end: heartbeats, and a watchdog for dead networks. */
export class Socket {
  readonly #socket: SocketLike;
  readonly #terms: SocketTerms;
  #opened = false;
  #ended = false;
  #watchdog: ReturnType<typeof setTimeout> | undefined;
  #heartbeat: ReturnType<typeof setInterval> | undefined;

  /** @throws whatever the constructor does, as where the page may not open sockets. */
  constructor(create: SocketConstructor, terms: SocketTerms) {
    this.#terms = terms;
    const { pathname, search } = new URL(terms.url);
    terms.log.note(`open ${pathname}${search}`);
    // The token goes here because URLs end in logs.
    this.#socket = new create(terms.url, ["socialhub.v1", `bearer.${terms.token}`]);
    this.#socket.onopen = () => this.#open();
    this.#socket.onmessage = ({ data }: { data: unknown }) => this.#receive(String(data));
    this.#socket.onclose = ({ code }: { code: number }) => this.#end(code);
    this.#socket.onerror = () => undefined; // the close that follows says more
    this.#expectFrame();
  }

  send(command: AnyCommand): void {
    if (this.#ended) return;
    this.#terms.log.out(command);
    this.#socket.send(JSON.stringify(command));
  }

  /** See whether it still works: the network may have changed, or the page slept. */
  probe(): void {
    if (!this.#opened || this.#ended) return;
    this.#expectFrame();
    this.send({ type: "heartbeat", payload: { timestamp: new Date().toISOString() } });
  }

  /** Close it, telling nobody. */
  close(): void {
    this.#stop();
    this.#socket.close(NORMAL);
  }

  #open(): void {
    if (this.#ended) return;
    this.#opened = true;
    this.#expectFrame(); // the hello's answer
    if (this.#terms.hello) this.send(this.#terms.hello);
    this.#heartbeat = setInterval(() => this.probe(), HEARTBEAT_MS);
  }

  #receive(text: string): void {
    if (this.#ended) return;
    clearTimeout(this.#watchdog);
    const frame = JSON.parse(text) as ServerEnvelope;
    this.#terms.log.in(frame);
    this.#terms.onFrame(frame);
  }

  #expectFrame(): void {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => {
      this.#terms.log.note("no answer");
      this.#socket.close();
      // A browser may wait minutes for the other side's close frame.
      this.#end(ABNORMAL);
    }, SILENCE_MS);
  }

  #end(code: number): void {
    if (this.#ended) return;
    this.#stop();
    this.#terms.log.note(`closed with ${code}`);
    this.#terms.onEnd(code, this.#opened);
  }

  #stop(): void {
    this.#ended = true;
    clearTimeout(this.#watchdog);
    clearInterval(this.#heartbeat);
  }
}
