/** What the compiler has to take, and what it must not. `npm run types` is the test. */

import type { Observable } from "rxjs";

import type { MessagePayload, NotificationPayload, WebSocketService } from "../src/index.js";

declare const service: WebSocketService;

// --- events have the payload of their type -----------------------------------------------

service.on("notification").subscribe(({ payload }) => payload satisfies NotificationPayload);
service.on("typing_start").subscribe(({ payload }) => payload.is_typing satisfies boolean);
service.on("message").subscribe(({ payload, sequence }) => {
  sequence satisfies number;
  // @ts-expect-error there is no such field
  void payload.text;
});
// Another app's type: nothing is known of its payload.
service.on("note_pinned").subscribe(({ payload }) => payload satisfies unknown);

// --- commands have to say what their type needs ------------------------------------------

service.send({ type: "feed_seen" });
service.send({ type: "message", channel: "conversation:conv_1", payload: { content: "Hi" } });
service.send({ type: "note_pin", payload: { note_id: "note_1" } });
// @ts-expect-error a message has content
service.send({ type: "message", channel: "conversation:conv_1", payload: {} });
// @ts-expect-error and a payload
service.send({ type: "message", channel: "conversation:conv_1" });
// @ts-expect-error nobody sets offline
service.send({ type: "presence", payload: { status: "offline" } });
// @ts-expect-error a frame has a type
service.send({ payload: {} });

// --- and their acks have the data of their type ------------------------------------------

const answer = service.sendWithAck({ type: "message", payload: { content: "Hi" } });
answer.subscribe(({ payload }) => payload.data satisfies MessagePayload);
service.sendWithAck({ type: "heartbeat" }).subscribe(({ payload }) => {
  payload.last_sequence satisfies number;
});
service.subscribe("presence") satisfies Observable<{ snapshot: Record<string, unknown> }>;
