/** The console: a connection of the visitor's own, and all that goes over it. */

import { WebSocketService } from "../../realtime/client.js";
import { byId, isEnabled, part, setEnabled, setText } from "../lib/dom.js";
import { closesByItself } from "../lib/menu.js";
import { showAvatar } from "../lib/people.js";
import { reason, Rest } from "../lib/rest.js";
import { STATE_LABELS } from "../lib/states.js";
import { Channels } from "./channels.js";
import { FrameLog } from "./frame-log.js";
import { Schema } from "./schema.js";
import { Sender } from "./sender.js";

const CUT_MS = 5000;

const { userId, displayName, apiUrl, tokenUrl, schemaUrl, loginUrl } = byId("content").dataset;
const rest = new Rest(apiUrl, () => location.assign(loginUrl));
const service = new WebSocketService({
  apiUrl,
  getToken: async () => (await rest.postTo(tokenUrl)).access,
});

async function start() {
  const schema = new Schema(await rest.getFrom(schemaUrl));
  const log = new FrameLog(new Set([...schema.commands.keys(), ...schema.events.keys()].sort()));
  service.frames$.subscribe((logged) => log.add(logged));
  new Sender(schema, (frame) => service.send(frame));
  new Channels(service);
  service.connect(undefined, userId);
}

service.status$.subscribe((status) => {
  const pill = byId("connection-pill");
  pill.dataset.state = status;
  setText(part(pill, "label"), STATE_LABELS[status]);
  setEnabled(byId("cut"), status === "connected");
});
service.position$.subscribe((position) => {
  setText(byId("sequence"), position ? String(position.sequence) : "–");
  setText(byId("epoch"), position ? position.epoch : "–");
});
byId("cut").addEventListener("click", () => {
  if (isEnabled(byId("cut"))) service.interrupt(CUT_MS);
});
showAvatar(byId("account").querySelector(".avatar"), displayName, userId);
closesByItself(byId("account"));
start().catch((error) => setText(byId("log-note"), `The schema could not be loaded: ${reason(error)}.`));
