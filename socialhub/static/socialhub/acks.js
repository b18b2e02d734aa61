/** Requests that wait for their acknowledgement, by `ack_id`. */

export class Acks {
  #waiting = new Map();
  #last = 0;

  /**
   * @param seconds how long to wait for the answer.
   * @returns {{id: string, answer: Promise<any>}} the `ack_id` to send, and the ack's data.
   */
  expect(seconds) {
    const id = `ack_${++this.#last}`;
    const answer = new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.#take(id)?.reject(new Error("The server did not answer in time")),
        seconds * 1000,
      );
      this.#waiting.set(id, { resolve, reject, timer });
    });
    return { id, answer };
  }

  /** Give an `ack` or `error` frame to whom it answers, if anybody. */
  settle({ type, payload, ack_id: id }) {
    const waiting = this.#take(id);
    if (type === "ack") waiting?.resolve(payload.data);
    else waiting?.reject(new Error(payload.message));
  }

  /** No answer will come to any of them. */
  rejectAll(message) {
    for (const id of [...this.#waiting.keys()]) this.#take(id).reject(new Error(message));
  }

  #take(id) {
    const waiting = this.#waiting.get(id);
    clearTimeout(waiting?.timer);
    this.#waiting.delete(id);
    return waiting;
  }
}
