/**
 * The nodes' latest figures, what they come to together, and how they are written.
 * Knows no page.
 */

/** A node that has not reported for so long is not counted. */
export const GONE_MS = 10_000;
/** And later it is not shown either. */
const FORGOTTEN_MS = 300_000;

export class Nodes {
  #nodes = new Map();

  /** Nodes that are alive, as the server knows: a silent one is shown, too. */
  expect(nodes, now) {
    for (const { node_id, node } of nodes) {
      if (!this.#nodes.has(node_id)) this.#nodes.set(node_id, { name: node, at: now, stats: null });
    }
  }

  /** A node has reported. */
  take(stats, now) {
    this.#nodes.set(stats.node_id, { name: stats.node, at: now, stats });
  }

  /** Reports could not arrive until now: nobody is gone because of that. */
  forgive(now) {
    for (const node of this.#nodes.values()) node.at = now;
  }

  /** All nodes by name: `{ name, stats, silentMs, gone }`. */
  list(now) {
    for (const [id, { at }] of this.#nodes) if (now - at > FORGOTTEN_MS) this.#nodes.delete(id);
    return [...this.#nodes.values()]
      .map(({ name, at, stats }) => ({ name, stats, silentMs: now - at, gone: now - at > GONE_MS }))
      .sort((one, other) => one.name.localeCompare(other.name));
  }

  /** The figures of all that report, or null where none does. */
  total(now) {
    const stats = this.list(now).filter((node) => node.stats && !node.gone).map((node) => node.stats);
    if (!stats.length) return null;
    const sum = (name) => stats.reduce((total, one) => total + one[name], 0);
    const most = (name) => {
      const known = stats.map((one) => one[name]).filter((value) => value !== null);
      return known.length ? Math.max(...known) : null;
    };
    return {
      connections: sum("connections"),
      polls: sum("waiting_polls"),
      events: most("events_per_second"), // each node hands out all of them
      deliveries: sum("deliveries_per_second"),
      median: most("latency_p50"),
      latency: most("latency_p99"),
      backlog: most("backlog"), // of the one outbox
      lag: most("lag"),
      errors: sum("errors_per_second"),
    };
  }
}

const language = document.documentElement.lang || undefined;
const whole = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });

/** A number of things. */
export const count = (value) => whole.format(value);

/** So many a second. */
export const rate = (value) => (value < 10 ? tenths : whole).format(value);

/** A time given in seconds; a dash where there was nothing to measure. */
export function duration(seconds) {
  if (seconds === null) return "–";
  if (seconds >= 1) return `${tenths.format(seconds)}\u00a0s`;
  return `${(seconds < 0.01 ? tenths : whole).format(seconds * 1000)}\u00a0ms`;
}
