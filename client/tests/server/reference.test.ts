import { expect, it, vi } from "vitest";
import { WebSocket } from "ws";

import { WebSocketService } from "../../src/index.js";
import { alice, come, next, reaches, site, token } from "./people.js";
import { ConnectionStatus } from "../../src/index.js";

// That the examples compile as they are is shown by `npm run types`.

function logged(): unknown[][] {
  const lines: unknown[][] = [];
  vi.spyOn(console, "log").mockImplementation((...line) => void lines.push(line));
  return lines;
}

it("the reference's first example runs as it is", async () => {
  vi.stubGlobal("location", { href: `${site()}/` });
  vi.stubGlobal("WebSocket", WebSocket);
  vi.stubGlobal("jwtToken", token("alice"));
  vi.stubGlobal("userId", "1");
  const connect = vi.spyOn(WebSocketService.prototype, "connect");
  await import("../reference/guide.js");
  const service = connect.mock.contexts[0] as WebSocketService;
  expect(service.status).toBe(ConnectionStatus.DISCONNECTED); // its last line
  service.connect(token("alice"), "1"); // what it has set up works all the same
  const lines = logged();
  await reaches(service, ConnectionStatus.CONNECTED);
  await notify(service);
  await come(lines, 1);
  expect(lines[0]).toEqual(["New notification:", expect.objectContaining({ actor_id: "3" })]);
  service.disconnect();
});

/** Carol comments on a post of alice's. */
async function notify(service: WebSocketService): Promise<void> {
  const told = next(service.on("notification"));
  const response = await fetch(`${site()}/api/v1/posts/post_1/comments`, {
    method: "POST",
    headers: { Authorization: `Bearer ${token("carol")}`, "Content-Type": "application/json" },
    body: JSON.stringify({ text: "So am I" }),
  });
  expect(response.status).toBe(201);
  await told;
}

it("the reference's second example runs as it is", async () => {
  const lines = logged();
  const service = await alice();
  vi.stubGlobal("wsService", service);
  await import("../reference/angular.js");
  await come(lines, 2);
  service.interrupt(10);
  await come(lines, 4);
  expect(lines.map(([text]) => text)).toEqual([
    ...["Connected", "Message acknowledged:", "Reconnecting...", "Connected"],
  ]);
  expect(lines[1]![1]).toMatchObject({ type: "ack", payload: { data: { content: "Hello" } } });
});
