/** HTTP requests of the page, and the token that the realtime service asks for. */

// Renewed when this share of its life has passed, so that a slow renewal is still in time.
const RENEW_AT = 0.75;
const LONGEST_TIMER = 2 ** 31 - 1;

/** A request that the server refused; `status` 0 where it sent us to the sign-in page. */
export class ApiError extends Error {
  constructor(status, message, retryAfter = 0) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }

  /** The session is over, or it is now another user's: only signing in helps. */
  get signedOut() {
    return this.status === 0 || this.status === 401 || this.status === 403;
  }
}

/**
 * Fetch JSON; as the session's user, or as the token's where one is given.
 *
 * @returns {Promise<{data: any, date: number}>} the body (null if empty), and
 *   the server's clock in milliseconds.
 * @throws {ApiError} for every status that is no success; TypeError if nobody answers.
 */
export async function request(url, { method = "GET", token, signal } = {}) {
  const headers = { Accept: "application/json" };
  if (token) {
    headers.Authorization = `Bearer ${token}`;
  } else if (method !== "GET") {
    // From the page, not the cookie: the cookie may be out of a script's reach.
    headers["X-CSRFToken"] = document.querySelector("[name=csrfmiddlewaretoken]").value;
  }
  const response = await fetch(url, { method, headers, signal, cache: "no-store", redirect: "manual" });
  if (!response.ok) {
    const error = await response.json().catch(() => ({}));
    const message = error.message || `The server answered ${response.status}`;
    throw new ApiError(response.status, message, Number(response.headers.get("Retry-After")) || 0);
  }
  const date = Date.parse(response.headers.get("Date") ?? "") || Date.now();
  const text = await response.text();
  return { data: text ? JSON.parse(text) : null, date };
}

/** Access tokens for the session's user. */
export class Tokens {
  #url;
  #token = "";
  #renewAt = 0;

  constructor(url) {
    this.#url = url;
  }

  /** A token that was made just now. */
  async fresh() {
    const { data, date } = await request(this.#url, { method: "POST" });
    // Its life by the server's clock: the visitor's may be wrong.
    this.#renewAt = Date.now() + (data.expires_at * 1000 - date) * RENEW_AT;
    this.#token = data.access;
    return this.#token;
  }

  /** A token that holds for a while yet. */
  async current() {
    return this.#token && Date.now() < this.#renewAt ? this.#token : this.fresh();
  }

  /** Milliseconds until it should be renewed. */
  get renewIn() {
    return Math.min(Math.max(this.#renewAt - Date.now(), 1000), LONGEST_TIMER);
  }
}
