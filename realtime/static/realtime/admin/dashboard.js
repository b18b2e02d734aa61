/** The admin's dashboard: a connection of its own, and what arrives on it, drawn. */

import { ConnectionStatus, WebSocketService } from "../client.js";
import { Nodes, count, duration, rate } from "./figures.js";
import { Sparkline } from "./sparkline.js";

const SPAN_MS = 300_000;
const POINT_MS = 2_000;
const REFUSED = "CHANNEL_NOT_FOUND";

const { socket, api, token, channel, permission } = document.getElementById("realtime-source").dataset;
const REFUSAL = `You may not see the figures: this needs the permission ${permission}, and to be of the staff.`;
const LOST = `the connection is slow, or the permission ${permission} has ended.`;
const state = document.getElementById("realtime-state");
const dashboard = document.getElementById("content-main");
const rows = document.getElementById("realtime-rows");

// --- tiles ---------------------------------------------------------------------------

/** What a tile shows of the totals, and the line below it. */
const FIGURES = {
  connections: { write: count, note: ({ polls }) => `sockets, and ${count(polls)} waiting polls` },
  events: { write: rate },
  deliveries: { write: rate },
  latency: { write: duration, note: ({ median }) => `slowest node; its p50 ${duration(median)}` },
  backlog: { write: count, note: ({ lag }) => `in the outbox; lag ${count(lag)}` },
  errors: { write: rate },
};

class Tile {
  constructor(element) {
    this.name = element.dataset.figure;
    this.figure = FIGURES[this.name];
    this.value = element.querySelector(".realtime-figure");
    this.note = element.querySelector(".realtime-note");
    const name = element.querySelector("h3").textContent;
    this.chart = new Sparkline(element, { name, spanMs: SPAN_MS, write: this.figure.write });
  }

  show(total) {
    this.value.textContent = this.figure.write(total[this.name]);
    if (this.figure.note) this.note.textContent = this.figure.note(total);
  }

  draw(total, now) {
    this.chart.add(total ? total[this.name] : null, now);
  }
}

const tiles = [...document.querySelectorAll("[data-figure]")].map((element) => new Tile(element));

// --- nodes ---------------------------------------------------------------------------

const nodes = new Nodes();
// The names of those that report no more; and whether none does.
let gone = [];
let silent = false;

function row({ name, stats, silentMs, gone: isGone }) {
  const silent = `no report for ${count(silentMs / 1000)} s`;
  const figures = stats && !isGone ? cells(stats) : Array(9).fill("");
  const doing = stats?.draining ? "draining" : "serving";
  const line = document.createElement("tr");
  line.dataset.state = isGone ? "gone" : doing;
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = name;
  line.append(head);
  for (const text of [isGone ? silent : stats ? doing : "waiting for its report", ...figures]) {
    line.insertCell().textContent = text;
  }
  return line;
}

function cells(stats) {
  return [
    count(stats.connections),
    count(stats.waiting_polls),
    rate(stats.events_per_second),
    rate(stats.deliveries_per_second),
    duration(stats.latency_p50),
    duration(stats.latency_p99),
    count(stats.backlog),
    count(stats.lag),
    rate(stats.errors_per_second),
  ];
}

function showNodes(now) {
  const list = nodes.list(now);
  if (list.length) rows.replaceChildren(...list.map(row));
  gone = list.filter((node) => node.gone).map((node) => node.name);
  silent = list.length > 0 && gone.length === list.length;
  showState();
}

// --- the connection ------------------------------------------------------------------

const service = new WebSocketService({ url: socket, apiUrl: api, getToken });
let connection = { status: service.status };
let refused = false;
let heardAt = null;
let up = false;

async function getToken() {
  const csrf = document.querySelector("#realtime-source [name=csrfmiddlewaretoken]").value;
  const response = await fetch(token, { method: "POST", headers: { "X-CSRFToken": csrf } });
  if (!response.ok) throw response;
  return (await response.json()).access;
}

function said({ status, error }) {
  const why = error ? ` ${error.message}.` : "";
  const of = heardAt ? ` The figures are of ${heardAt.toLocaleTimeString()}.` : "";
  if (up && silent) return `No reports arrive: ${LOST}${of}`;
  switch (status) {
    case ConnectionStatus.CONNECTED:
      return "Live" + (gone.length ? `. ${gone.join(", ")}: no report.` : "");
    case ConnectionStatus.POLLING:
      return "Polling: no socket can be opened, figures come a little later";
    case ConnectionStatus.RECONNECTING:
      return `Reconnecting…${why}${of}`;
    case ConnectionStatus.OFFLINE:
      return `Offline: nobody answers.${why}${of}`;
    case ConnectionStatus.ENDED:
      return `The session has ended: sign in again, then reload this page.${of}`;
    default:
      return `Connecting…${why}`;
  }
}

function showState() {
  const [name, text] = refused ? ["refused", REFUSAL] : [connection.status, said(connection)];
  state.dataset.state = up && silent ? "silent" : name;
  // Screen readers are told what is new, not everything every second.
  if (state.textContent !== text) state.textContent = text;
  dashboard.classList.toggle("is-stale", !up || silent);
}

service.state$.subscribe((now) => {
  const isUp = [ConnectionStatus.CONNECTED, ConnectionStatus.POLLING].includes(now.status);
  connection = now;
  if (isUp && !up) nodes.forgive(performance.now());
  up = isUp;
  showState();
});

service.refused$.subscribe(({ channel: name, error }) => {
  if (name !== channel || error.code !== REFUSED) return;
  refused = true;
  showState();
});

/** Of the channel: who is alive, and whether all can be heard. */
function begin(snapshot) {
  if (!snapshot) return;
  nodes.expect(snapshot.nodes, performance.now());
  const alone = !snapshot.shared_layer && snapshot.nodes.length > 1;
  document.getElementById("realtime-layer").hidden = !alone;
}

service.on("connect").subscribe(({ payload }) => begin(payload.channels[channel]));
service.on("node_stats").subscribe(({ payload }) => {
  nodes.take(payload, performance.now());
  heardAt = new Date();
  tick();
});
service.subscribe(channel).subscribe({
  next: ({ snapshot }) => begin(snapshot),
  error: () => undefined, // refused$ has said why
});
service.connect();

// --- drawing -------------------------------------------------------------------------

let drawnAt = -Infinity;

/** Called by the clock and by each report: a page in the background has a slow clock. */
function tick() {
  const now = performance.now();
  const total = up ? nodes.total(now) : null;
  if (up) showNodes(now);
  if (total) for (const tile of tiles) tile.show(total);
  if (now - drawnAt < POINT_MS) return;
  drawnAt = now;
  for (const tile of tiles) tile.draw(total, now);
}

setInterval(tick, POINT_MS / 4);
