/** A small line chart of the last minutes, as SVG. Its title says it in words. */

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 240;
const HEIGHT = 48;
// The line has a width: at the edges it would be cut.
const EDGE = 2;

export class Sparkline {
  #points = [];
  #line = make("path", { class: "realtime-line" });
  #area = make("path", { class: "realtime-area" });
  #title = make("title");
  #scale = document.createElement("p");
  #name;
  #spanMs;
  #write;

  /** `name`: what it is of; `write`: how a value is written. */
  constructor(parent, { name, spanMs, write }) {
    this.#name = name;
    this.#spanMs = spanMs;
    this.#write = write;
    const svg = make("svg", {
      class: "realtime-chart",
      role: "img",
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      preserveAspectRatio: "none",
    });
    const y = HEIGHT - EDGE;
    svg.append(this.#title, make("path", { class: "realtime-axis", d: `M0 ${y}H${WIDTH}` }), this.#area, this.#line);
    this.#scale.className = "realtime-scale";
    this.#scale.ariaHidden = "true"; // the title says it
    parent.append(svg, this.#scale);
    this.#describe([]);
  }

  /** Add a value as of `now`; null: it is not known, the line has a gap. */
  add(value, now) {
    this.#points.push({ at: now, value });
    while (this.#points[0].at < now - this.#spanMs) this.#points.shift();
    this.#draw(now);
  }

  #draw(now) {
    const known = this.#points.map(({ value }) => value).filter((value) => value !== null);
    const top = Math.max(...known, 0) || 1;
    const x = (at) => round(WIDTH - EDGE - ((now - at) / this.#spanMs) * (WIDTH - 2 * EDGE));
    const y = (value) => round(HEIGHT - EDGE - (value / top) * (HEIGHT - 2 * EDGE));
    let line = "";
    let area = "";
    for (const part of runs(this.#points)) {
      const path = part.map(({ at, value }) => `${x(at)} ${y(value)}`).join("L");
      // A lone point is a dot: the line's ends are round.
      line += `M${path}${part.length === 1 ? "h0" : ""}`;
      area += `M${x(part[0].at)} ${y(0)}L${path}V${y(0)}Z`;
    }
    this.#line.setAttribute("d", line);
    this.#area.setAttribute("d", area);
    this.#describe(known);
  }

  #describe(known) {
    const minutes = this.#spanMs / 60_000;
    const lowest = known.length ? this.#write(Math.min(...known)) : "–";
    const highest = known.length ? this.#write(Math.max(...known)) : "–";
    this.#title.textContent = `${this.#name}, the last ${minutes} minutes: ${lowest} to ${highest}`;
    this.#scale.textContent = `highest ${highest}`;
  }
}

/** The stretches of points that have a value. */
function runs(points) {
  const found = [];
  let run = [];
  for (const point of [...points, { value: null }]) {
    if (point.value !== null) run.push(point);
    else if (run.length) run = (found.push(run), []);
  }
  return found;
}

function make(name, attributes = {}) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function round(value) {
  return Math.round(value * 10) / 10;
}
