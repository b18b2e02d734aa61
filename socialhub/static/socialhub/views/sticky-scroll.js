/** A list that stays at its end while it grows there, and in place while it grows above. */

const NEAR = 60;

export class StickyScroll {
  #place;
  #jump;
  #atEnd = true;

  /**
   * @param {Element} place what scrolls.
   * @param {Element} jump the button that leads to the end, shown while there is news below.
   */
  constructor(place, jump) {
    this.#place = place;
    this.#jump = jump;
    place.addEventListener("scroll", () => {
      this.#atEnd = this.#fromEnd() < NEAR;
      if (this.#atEnd) jump.hidden = true;
    }, { passive: true });
    // A keyboard on the screen, a field that grows: what was at the end stays there.
    new ResizeObserver(() => this.#atEnd && this.toEnd()).observe(place);
    jump.addEventListener("click", () => {
      this.toEnd();
      place.focus({ preventScroll: true });
    });
  }

  reset() {
    this.#atEnd = true;
    this.#jump.hidden = true;
  }

  toEnd() {
    this.#place.scrollTop = this.#place.scrollHeight;
    this.#atEnd = true;
    this.#jump.hidden = true;
  }

  /** Make a change to what is inside, and keep in sight what was. */
  keep(change) {
    const place = this.#place;
    this.#atEnd = this.#fromEnd() < NEAR; // the scroll event may be still to come
    const height = place.scrollHeight;
    const first = firstMessage(place);
    const last = lastMessage(place);
    change();
    const grown = place.scrollHeight - height;
    if (this.#atEnd) this.toEnd();
    else if (first && firstMessage(place) !== first) place.scrollTop += grown;
    else if (last && lastMessage(place) !== last) this.#jump.hidden = false;
  }

  #fromEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#place;
    return scrollHeight - scrollTop - clientHeight;
  }
}

function firstMessage(place) {
  return place.querySelector("li");
}

function lastMessage(place) {
  return place.querySelector("li:last-child");
}
