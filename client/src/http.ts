import type { ServerClock } from "./clock.js";
import { RequestError } from "./errors.js";
import type { FrameLog } from "./frames.js";
import { Pacer } from "./pacer.js";
import type { AnyCommand, ErrorObject, PollAnswer, PollRequest, ServerEnvelope } from "./wire.js";

const SEND_MS = 15_000;
const POLL_SLACK_MS = 10_000;
const ERROR_CODE = { 401: "INVALID_TOKEN", 403: "FORBIDDEN", 404: "NOT_FOUND", 429: "RATE_LIMITED" };

/** The HTTP half of the service: `poll` and `send`. */
export class Http {
  /** Of polls; `send` has a limit of its own that one page does not reach. */
  readonly pacer: Pacer;

  /** @param apiUrl the base of the REST API, with a slash at its end. */
  constructor(
    private readonly fetch: typeof globalThis.fetch,
    private readonly apiUrl: string,
    private readonly clock: ServerClock,
    private readonly log: FrameLog,
  ) {
    this.pacer = new Pacer(clock);
  }

  /**
   * @throws RequestError the server refused; anything else: nobody answered.
   */
  async poll(question: PollRequest, token: string, signal: AbortSignal): Promise<PollAnswer> {
    const url = new URL("realtime/poll", this.apiUrl);
    for (const [name, value] of Object.entries(question)) url.searchParams.set(name, String(value));
    this.log.note(`GET ${url.pathname}${url.search}`);
    this.pacer.start();
    const patience = (question.timeout ?? 0) * 1000 + POLL_SLACK_MS;
    const answer = (await inTime(patience, signal, async (limited) => {
      const response = await this.#ask(url, token, { signal: limited });
      this.pacer.read(response.headers);
      return readJson(response);
    })) as PollAnswer;
    this.log.in(answer);
    return answer;
  }

  /** Why a handshake was refused, as far as a poll is refused for the same reason. */
  async whyRefused(userId: string, token: string): Promise<RequestError | null> {
    const question = { user_id: userId, last_poll_id: 0, timeout: 0, limit: 1 };
    try {
      await this.poll(question, token, new AbortController().signal);
    } catch (error) {
      if (error instanceof RequestError) return error;
    }
    return null;
  }

  /**
   * One command, and its `ack` or `error` frame.
   *
   * @throws RequestError the server refused it unread; anything else: nobody answered.
   */
  async send(command: AnyCommand, token: string, signal: AbortSignal): Promise<ServerEnvelope> {
    this.log.out(command);
    const url = new URL("realtime/send", this.apiUrl);
    const body = JSON.stringify(command);
    const frame = (await inTime(SEND_MS, signal, async (limited) => {
      const init = { method: "POST", body, signal: limited };
      return readJson(await this.#ask(url, token, init), { envelope: true });
    })) as ServerEnvelope;
    this.log.in(frame);
    return frame;
  }

  async #ask(url: URL, token: string, init: RequestInit): Promise<Response> {
    const headers = {
      Accept: "application/json",
      Authorization: `Bearer ${token}`,
      ...(init.body ? { "Content-Type": "application/json" } : {}),
    };
    const { fetch } = this; // called as a function: the browser's insists on it
    const response = await fetch(url, { ...init, headers, cache: "no-store" });
    this.clock.set(response.headers.get("Date"));
    return response;
  }
}

async function readJson(response: Response, { envelope = false } = {}): Promise<unknown> {
  if (response.ok) return response.json();
  const body = (await response.json().catch(() => ({}))) as Partial<ErrorObject & ServerEnvelope>;
  if (envelope && body.type === "error") return body;
  const { status } = response;
  const code = body.code ?? ERROR_CODE[status as keyof typeof ERROR_CODE] ?? "INTERNAL_ERROR";
  const details = { ...body.details };
  const retryAfter = Number(response.headers.get("Retry-After"));
  if (retryAfter > 0) details["retry_after"] = retryAfter;
  throw new RequestError(
    code as RequestError["code"],
    body.message ?? `The server answered ${status}`,
    details,
  );
}

/** Do it, for so many milliseconds at most: a dead network says nothing. */
async function inTime<Result>(
  milliseconds: number,
  signal: AbortSignal,
  request: (limited: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  const timer = setTimeout(abort, milliseconds);
  signal.addEventListener("abort", abort);
  try {
    signal.throwIfAborted();
    return await request(controller.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}
