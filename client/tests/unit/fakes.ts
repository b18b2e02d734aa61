/** A service whose server is the test: it opens, answers and closes what the client begins. */

import { vi } from "vitest";

import { WebSocketService, type AnyCommand, type Options } from "../../src/index.js";

type Handler = (request: { url: URL; body: AnyCommand | null; token: string }) => unknown;

/** A JWT of alice's (user 1) that expires so many seconds from now; signed by nobody. */
export function token(seconds = 3600, claims: object = {}): string {
  const exp = Math.floor(Date.now() / 1000) + seconds;
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return [part({ alg: "HS256" }), part({ user_id: "1", exp, ...claims }), "signature"].join(".");
}

let frames = 0;

export class FakeSocket {
  readyState = 0;
  onopen: ((event: object) => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  onerror: ((event: object) => void) | null = null;
  readonly sent: AnyCommand[] = [];
  closedWith: number | undefined;
  /** Whether heartbeats are answered without the test's doing. */
  alive = false;

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {}

  get query(): Record<string, string> {
    return Object.fromEntries(new URL(this.url).searchParams);
  }

  send(data: string): void {
    const command = JSON.parse(data) as AnyCommand;
    this.sent.push(command);
    if (this.alive && command.type === "heartbeat") {
      this.says("heartbeat", { timestamp: new Date().toISOString(), last_sequence: 5 });
    }
  }

  close(code = 1000): void {
    this.closedWith = code;
  }

  /** Of the commands that were sent, those of this type. */
  commands(type: string): AnyCommand[] {
    return this.sent.filter((command) => command.type === type);
  }

  // --- what the server does ------------------------------------------------------------

  open({ alive = false } = {}): void {
    this.alive = alive;
    this.onopen?.({});
  }

  says(type: string, payload: object, more: object = {}): void {
    const timestamp = new Date().toISOString();
    const frame = { id: `frame_${++frames}`, type, payload, timestamp, ...more };
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  /** A notification with this sequence; its id is the same each time. */
  notifies(sequence: number, more: object = {}): void {
    const id = `event_${sequence}`;
    this.says("notification", { message: id }, { id, sequence, channel: "notifications", ...more });
  }

  /** The reply to a hello. */
  welcomes(reply: object = {}): void {
    this.says("connect", {
      ...{ user_id: "1", timestamp: new Date().toISOString(), epoch: "e1", last_sequence: 5 },
      ...{ recovered: true, channels: { notifications: {} } },
      ...reply,
    });
  }

  acknowledges(command: AnyCommand | undefined, data: object = {}): void {
    const ack_id = command!.ack_id;
    this.says("ack", { ack_id, status: "success", data }, { ack_id });
  }

  refuses(command: AnyCommand | undefined, code: string, details: object = {}): void {
    this.says("error", { code, message: code, details }, { ack_id: command!.ack_id });
  }

  ends(code: number): void {
    this.onclose?.({ code });
  }
}

/** The test's side of everything that the client opens. */
export class FakeServer {
  readonly sockets: FakeSocket[] = [];
  readonly requests: URL[] = [];
  /** Answers polls; by default nobody does. */
  poll: Handler = () => {
    throw new TypeError("fetch failed");
  };
  /** Answers `send`: with the ack or reply, or a `Response`. */
  command: Handler = () => {
    throw new TypeError("fetch failed");
  };

  get socket(): FakeSocket {
    return this.sockets.at(-1)!;
  }

  get polls(): URL[] {
    return this.requests.filter(({ pathname }) => pathname.endsWith("/poll"));
  }

  service(options: Options = {}): WebSocketService {
    const { sockets } = this;
    class Socket extends FakeSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols);
        sockets.push(this);
      }
    }
    return new WebSocketService({
      ...{ url: "https://host/ws", webSocket: Socket, fetch: this.#fetch },
      ...{ random: () => 1 }, // no jitter: each pause is as long as it gets
      ...options,
    });
  }

  /** A service that is connected, at position 5 in the log `e1`. */
  async connected(options: Options = {}, jwt = token()): Promise<WebSocketService> {
    const service = this.service(options);
    service.connect(jwt);
    await vi.advanceTimersByTimeAsync(0);
    this.welcome();
    return service;
  }

  /** Accept the last handshake, and answer its hello and its heartbeats. */
  welcome(reply: object = {}): void {
    this.socket.open({ alive: true });
    this.socket.welcomes(reply);
  }

  /** Lose the connection, and open the next one; its hello is not answered yet. */
  async cut(): Promise<void> {
    const { length } = this.sockets;
    this.socket.ends(1006);
    while (this.sockets.length === length) await vi.advanceTimersByTimeAsync(500);
    this.socket.open({ alive: true });
  }

  readonly #fetch = async (input: unknown, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(String(input));
    this.requests.push(url);
    const body = init.body ? (JSON.parse(String(init.body)) as AnyCommand) : null;
    const aborted = new Promise<never>((_, reject) => {
      init.signal?.addEventListener("abort", () => reject(new DOMException("", "AbortError")));
    });
    const handler = url.pathname.endsWith("/poll") ? this.poll : this.command;
    const token = new Headers(init.headers).get("Authorization")!.replace("Bearer ", "");
    const found = await Promise.race([handler({ url, body, token }), aborted]);
    return found instanceof Response ? found : Response.json(found);
  };
}

/** An HTTP error as the server answers it. */
export function refusal(status: number, code: string, retryAfter = 0): Response {
  const details = retryAfter ? { retry_after: retryAfter } : {};
  const headers: Record<string, string> = retryAfter ? { "Retry-After": String(retryAfter) } : {};
  return Response.json({ code, message: code, details }, { status, headers });
}

/** An empty answer of a poll. */
export function nothing(more: object = {}): object {
  return { events: [], last_poll_id: 5, has_more: false, epoch: "e1", ...more };
}

/** What an observable gives, and how it ends, as it happens. */
export function record<T>(observable: {
  subscribe(observer: object): unknown;
}): { values: T[]; error?: { code: string }; completed: boolean } {
  const seen = { values: [] as T[], completed: false } as ReturnType<typeof record<T>>;
  observable.subscribe({
    next: (value: T) => seen.values.push(value),
    error: (error: { code: string }) => (seen.error = error),
    complete: () => (seen.completed = true),
  });
  return seen;
}
