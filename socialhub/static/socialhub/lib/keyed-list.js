/** A list of elements that follows a list of things, moving no more than it has to. */

export class KeyedList {
  #container;
  #create;
  #views = new Map();

  /**
   * @param {Element} container holds the elements, and nothing else.
   * @param {(item: any) => {element: Element, update: (item: any) => void}} create
   *   makes the view of a thing that is new here.
   */
  constructor(container, create) {
    this.#container = container;
    this.#create = create;
  }

  /** The view of the thing with this id. */
  get(id) {
    return this.#views.get(id);
  }

  /** Show these, in this order; each has an `id`. */
  show(items) {
    const focused = document.activeElement;
    this.#forget(new Set(items.map((item) => item.id)));
    let place = this.#container.firstElementChild;
    for (const item of items) {
      const view = this.#views.get(item.id) ?? this.#add(item);
      view.update(item);
      if (view.element === place) place = place.nextElementSibling;
      else this.#container.insertBefore(view.element, place);
    }
    // An element that is moved loses the focus.
    if (focused !== document.activeElement && this.#container.contains(focused)) {
      focused.focus({ preventScroll: true });
    }
  }

  #add(item) {
    const view = this.#create(item);
    this.#views.set(item.id, view);
    return view;
  }

  #forget(wanted) {
    for (const [id, view] of this.#views) {
      if (wanted.has(id)) continue;
      view.element.remove();
      this.#views.delete(id);
    }
  }
}
