/** HTTP requests to the site's API, as the user of the session. */

/** A request that the server refused; `status` 0 where it sent us to the sign-in page. */
export class ApiError extends Error {
  constructor(status, message, code = "", retryAfter = 0) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }

  /** The session is over: only signing in helps. */
  get signedOut() {
    return this.status === 0 || this.status === 401;
  }
}

export class Rest {
  #base;
  #onSignedOut;

  /**
   * @param {string} base where the API is, as `/api/v1/`.
   * @param {() => void} onSignedOut called when the session turns out to be over.
   */
  constructor(base, onSignedOut) {
    this.#base = base;
    this.#onSignedOut = onSignedOut;
  }

  /**
   * @param {string} path below the base; query parameters of `undefined` are left out.
   * @returns {Promise<any>} the body.
   * @throws {ApiError} it was refused; TypeError, nobody answers.
   */
  get(path, query = {}) {
    const given = Object.entries(query).filter(([, value]) => value !== undefined);
    const text = new URLSearchParams(given).toString();
    return this.#request("GET", this.#base + path + (text && `?${text}`));
  }

  /** The page of `path` to which another page's `next` points. */
  getNext(path, next) {
    // Only its parameters: behind a proxy the server may not know its own address.
    return this.#request("GET", this.#base + path + new URL(next, location.href).search);
  }

  post(path, body) {
    return this.#request("POST", this.#base + path, body);
  }

  delete(path) {
    return this.#request("DELETE", this.#base + path);
  }

  /** `GET` from an address that is not below the base. */
  getFrom(url) {
    return this.#request("GET", url);
  }

  /** `POST` to an address that is not below the base. */
  postTo(url) {
    return this.#request("POST", url);
  }

  async #request(method, url, body) {
    const headers = { Accept: "application/json" };
    if (method !== "GET") headers["X-CSRFToken"] = csrfToken();
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const response = await fetch(url, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      redirect: "manual",
    });
    if (!response.ok) throw await this.#refused(response);
    const text = await response.text();
    return text ? JSON.parse(text) : null;
  }

  async #refused(response) {
    const body = await response.json().catch(() => ({}));
    const message = body.message || `The server answered ${response.status}`;
    const retryAfter = Number(response.headers.get("Retry-After")) || 0;
    const error = new ApiError(response.status, message, body.code, retryAfter);
    if (error.signedOut) this.#onSignedOut();
    return error;
  }
}

/** From the page, not the cookie: the cookie may be out of a script's reach. */
function csrfToken() {
  return document.querySelector("[name=csrfmiddlewaretoken]").value;
}

/** What to tell a person of a failed request. */
export function reason(error) {
  return error instanceof ApiError ? error.message : "the server cannot be reached";
}
