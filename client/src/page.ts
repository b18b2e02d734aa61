/**
 * Tell when the page or its network may have changed: shown again, back online, or offline.
 *
 * @returns ends it.
 */
export function watchPage(changed: () => void): () => void {
  if (typeof window === "undefined" || typeof document === "undefined") return () => undefined;
  const shown = (): void => {
    if (document.visibilityState === "visible") changed();
  };
  const events = ["online", "offline", "pageshow"];
  for (const event of events) window.addEventListener(event, changed);
  document.addEventListener("visibilitychange", shown);
  return () => {
    for (const event of events) window.removeEventListener(event, changed);
    document.removeEventListener("visibilitychange", shown);
  };
}

/** Whether the browser knows of no network. It may be wrong either way. */
export function isOffline(): boolean {
  return globalThis.navigator?.onLine === false;
}
