/** How the page is connected: the pill in the header, the card, and the button that cuts it. */

import { byId, isEnabled, part, setEnabled, setText } from "../lib/dom.js";
import { toast } from "../lib/say.js";
import { STATE_LABELS } from "../lib/states.js";

const CUT_MS = 5000;
const DETAILS = {
  disconnected: "There is no connection.",
  connecting: "Opening a WebSocket.",
  connected: "A WebSocket is open. Events arrive as they happen.",
  reconnecting: "The connection was lost.",
  polling: "There is no WebSocket here: events arrive by long polling.",
  offline: "This device has no network. What you send is kept until it has.",
  ended: "The server has ended the session. Sign in again to go on.",
};

export class ConnectionView {
  #service;
  #state = { status: "connecting" };
  #wasConnected = false;

  constructor({ service }) {
    this.#service = service;
    service.state$.subscribe((state) => this.#take(state));
    service.position$.subscribe((position) => this.#showPosition(position));
    service.recovered$.subscribe(({ missed }) => toast(recovered(missed)));
    byId("cut").addEventListener("click", () => {
      if (isEnabled(byId("cut"))) service.interrupt(CUT_MS);
    });
    setInterval(() => this.#showDetail(), 500);
  }

  #take(state) {
    const { status } = state;
    if (this.#wasConnected && status === "offline" && this.#state.status !== "offline") {
      toast("You are offline. What you send is kept until the network is back.");
    }
    this.#state = state;
    this.#wasConnected ||= status === "connected" || status === "polling";
    const card = byId("connection");
    for (const element of [byId("connection-pill"), part(card, "state")]) {
      element.dataset.state = status;
      setText(part(element, "label"), STATE_LABELS[status]);
    }
    setEnabled(byId("cut"), status === "connected");
    this.#showDetail();
  }

  #showDetail() {
    const { status, retryAt } = this.#state;
    let text = DETAILS[status];
    if (status === "reconnecting" && retryAt) {
      const seconds = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
      text += seconds ? ` Next attempt in ${seconds}\u00a0s.` : " Trying again now.";
    }
    setText(part(byId("connection"), "detail"), text);
  }

  #showPosition(position) {
    const card = byId("connection");
    setText(part(card, "sequence"), position ? String(position.sequence) : "–");
    setText(part(card, "epoch"), position ? position.epoch.slice(0, 8) : "–");
    part(card, "epoch").title = position?.epoch ?? "";
  }
}

function recovered(missed) {
  if (!missed) return "Connected again. Nothing was missed.";
  return `Connected again. ${missed} missed ${missed === 1 ? "event has" : "events have"} arrived.`;
}
