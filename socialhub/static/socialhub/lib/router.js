/** Which view is open, by the address: `#/messages/conv_1` and the like. */

const VIEWS = new Set(["feed", "posts", "messages", "notifications", "people"]);

/** @returns {{view: string, id: string}} */
export function currentRoute() {
  const [, view = "", id = ""] = location.hash.split("/");
  return VIEWS.has(view) ? { view, id } : { view: "feed", id: "" };
}

/**
 * @param {(route: {view: string, id: string}, first: boolean) => void} show called now and
 *   whenever the address changes.
 */
export function onRoute(show) {
  addEventListener("hashchange", () => show(currentRoute(), false));
  show(currentRoute(), true);
}

export function goTo(view, id = "") {
  location.hash = id ? `#/${view}/${id}` : `#/${view}`;
}
