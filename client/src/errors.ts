import type { ErrorCode, ErrorObject } from "./wire.js";

/** The codes that the client adds to those of the server. */
export type ClientErrorCode =
  /** No answer in time. The command may have taken effect all the same. */
  | "TIMEOUT"
  /** The connection was lost, or ended, before the answer. */
  | "DISCONNECTED"
  /** Too many commands are waiting for a connection. */
  | "QUEUE_FULL";

/** A command or a connection that was refused, or got no answer. */
export class RequestError extends Error {
  override readonly name = "RequestError";

  /**
   * @param code the code of the server's error object, or one of the client's own.
   * @param message one sentence for developers.
   * @param details further fields: `field`, `channel`, `retry_after` (seconds) ….
   */
  constructor(
    readonly code: ErrorCode | ClientErrorCode,
    message: string,
    readonly details: Record<string, unknown> = {},
  ) {
    super(message);
  }

  static from({ code, message, details }: ErrorObject): RequestError {
    return new RequestError(code, message, details);
  }

  /** Seconds after which to ask again, where the server has said so; else 0. */
  get retryAfter(): number {
    const seconds = Number(this.details["retry_after"]);
    return seconds > 0 ? seconds : 0;
  }

  /** Whether this token is of no use (any longer). */
  get unauthorised(): boolean {
    return ["MISSING_TOKEN", "INVALID_TOKEN", "TOKEN_EXPIRED"].includes(this.code);
  }
}

/** There will be no token any more: the session is over. */
export class SessionOver extends RequestError {}
