/** Something that changes, and those who want to know. */

export class Changes {
  #listeners = new Set();

  /** @param {(...details: any[]) => void} listener called at each change. */
  onChange(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  changed(...details) {
    for (const listener of [...this.#listeners]) listener(...details);
  }
}

/** A function that runs `work` once, soon, however often it is called before that. */
export function batched(work) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    queueMicrotask(() => {
      waiting = false;
      work();
    });
  };
}
