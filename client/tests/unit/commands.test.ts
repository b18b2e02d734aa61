import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { FakeServer, record, token } from "./fakes.js";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const MESSAGE = { type: "message", channel: "conversation:conv_1", payload: { content: "Hi" } } as const;

let server: FakeServer;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
});
afterEach(() => vi.useRealTimers());

async function cut(): Promise<void> {
  await server.cut();
  server.socket.welcomes();
}

describe("sendWithAck()", () => {
  it("sends at the call, once, and gives the ack to whoever asks", async () => {
    const service = await server.connected();
    const answer = service.sendWithAck({ type: "feed_seen" });
    expect(server.socket.commands("feed_seen")).toHaveLength(1);
    server.socket.acknowledges(server.socket.commands("feed_seen")[0], { new_posts_count: 0 });
    for (const seen of [record(answer), record(answer)]) {
      expect(seen.completed).toBe(true);
      expect(seen.values).toMatchObject([{ type: "ack", payload: { data: { new_posts_count: 0 } } }]);
    }
    expect(server.socket.commands("feed_seen")).toHaveLength(1);
  });

  it("fails with the error of the server", async () => {
    const service = await server.connected();
    const seen = record(service.sendWithAck(MESSAGE));
    server.socket.refuses(server.socket.commands("message")[0], "CHANNEL_NOT_FOUND", { channel: "x" });
    expect(seen.error).toMatchObject({ code: "CHANNEL_NOT_FOUND", details: { channel: "x" } });
  });

  it("fails when no answer comes in time", async () => {
    const service = await server.connected();
    const seen = record(service.sendWithAck(MESSAGE, 5000));
    await vi.advanceTimersByTimeAsync(4999);
    expect(seen.error).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    expect(seen.error).toMatchObject({ code: "TIMEOUT" });
  });

  it("that timed out while it waited for a connection is not sent later", async () => {
    const service = server.service();
    service.connect(token());
    const seen = record(service.sendWithAck(MESSAGE, 500));
    await vi.advanceTimersByTimeAsync(500);
    server.welcome();
    expect(seen.error).toMatchObject({ code: "TIMEOUT" });
    expect(server.socket.commands("message")).toEqual([]);
  });

  it("of a frame over 64 KiB fails without closing the connection", async () => {
    const service = await server.connected();
    const seen = record(
      service.sendWithAck({ type: "message", payload: { content: "ä".repeat(33_000) } }),
    );
    expect(seen.error).toMatchObject({ code: "INVALID_MESSAGE" });
    expect(server.socket.commands("message")).toEqual([]);
  });

  it("is asked again when the server was asked too often", async () => {
    const service = await server.connected();
    const seen = record(service.sendWithAck({ type: "feed_seen" }));
    server.socket.refuses(server.socket.commands("feed_seen")[0], "RATE_LIMITED", { retry_after: 0.5 });
    expect(server.socket.commands("feed_seen")).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(500);
    server.socket.acknowledges(server.socket.commands("feed_seen")[1]);
    expect(seen.completed).toBe(true);
  });
});

describe("while there is no connection", () => {
  it("commands wait, in order, for the reply to the hello", async () => {
    const service = server.service();
    service.connect(token());
    service.send(MESSAGE);
    service.send({ type: "feed_seen" });
    await vi.advanceTimersByTimeAsync(0);
    server.socket.open();
    expect(server.socket.commands("message")).toEqual([]);
    server.socket.welcomes();
    expect(server.socket.sent.map(({ type }) => type)).toEqual(["connect", "message", "feed_seen"]);
  });

  it("no more than the limit wait", async () => {
    const service = server.service({ queueLimit: 2 });
    service.send(MESSAGE);
    service.send(MESSAGE);
    expect(() => service.send(MESSAGE)).toThrow("2 commands");
    expect(record(service.sendWithAck(MESSAGE)).error).toMatchObject({ code: "QUEUE_FULL" });
  });

  it("typing is dropped: it means nothing later", async () => {
    const service = server.service();
    service.connect(token());
    service.send({ type: "typing_start", channel: "conversation:conv_1" });
    await vi.advanceTimersByTimeAsync(0);
    server.welcome();
    expect(server.socket.commands("typing_start")).toEqual([]);
  });

  it("nothing is sent faster than the server takes it", async () => {
    const service = server.service();
    service.connect(token());
    for (let n = 0; n < 100; n++) service.send(MESSAGE);
    await vi.advanceTimersByTimeAsync(0);
    server.welcome();
    expect(server.socket.commands("message")).toHaveLength(80);
    await vi.advanceTimersByTimeAsync(1000);
    expect(server.socket.commands("message")).toHaveLength(100);
  });
});

describe("when the connection is lost before the answer", () => {
  it("a message is sent again under the same id, a UUID", async () => {
    const service = await server.connected();
    const seen = record(service.sendWithAck(MESSAGE));
    const [first] = server.socket.commands("message");
    expect(first!.id).toMatch(UUID);
    await cut();
    const [second] = server.socket.commands("message");
    expect(second).toEqual(first);
    server.socket.acknowledges(second);
    expect(seen.completed).toBe(true);
    await cut();
    expect(server.socket.commands("message")).toEqual([]);
  });

  it("so is one whose ack nobody awaits", async () => {
    const service = await server.connected();
    service.send(MESSAGE);
    const [first] = server.socket.commands("message");
    await cut();
    expect(server.socket.commands("message")).toEqual([first]);
  });

  it("what may not be repeated fails", async () => {
    const service = await server.connected();
    const seen = record(service.sendWithAck({ type: "notification_read_all" }));
    await cut();
    expect(seen.error).toMatchObject({ code: "DISCONNECTED" });
    expect(server.socket.commands("notification_read_all")).toEqual([]);
  });

  it("for good, everything fails", async () => {
    const service = await server.connected();
    const seen = record(service.sendWithAck(MESSAGE));
    service.disconnect();
    expect(seen.error).toMatchObject({ code: "DISCONNECTED" });
  });
});

describe("subscribe()", () => {
  const snapshot = { participants: [] };

  it("joins at the call and gives the snapshot", async () => {
    const service = await server.connected();
    const joined = service.subscribe("conversation:conv_1");
    const [command] = server.socket.commands("subscribe");
    expect(command!.payload).toEqual({ channel: "conversation:conv_1" });
    const data = { channel: "conversation:conv_1", last_sequence: 6, epoch: "e1", snapshot };
    server.socket.acknowledges(command, data);
    expect(record(joined)).toEqual({ values: [data], completed: true });
  });

  it("without a connection has its snapshot from the reply to the hello", async () => {
    const service = server.service();
    const seen = record(service.subscribe("presence"));
    service.connect(token());
    await vi.advanceTimersByTimeAsync(0);
    server.welcome({ channels: { notifications: {}, presence: { users: [] } } });
    expect(seen.values).toEqual([
      { channel: "presence", last_sequence: 5, epoch: "e1", snapshot: { users: [] } },
    ]);
    expect(server.socket.commands("subscribe")).toEqual([]);
  });

  it("between hello and reply is sent after it", async () => {
    const service = server.service();
    service.connect(token());
    await vi.advanceTimersByTimeAsync(0);
    server.socket.open();
    service.subscribe("presence");
    server.socket.welcomes();
    expect(server.socket.commands("subscribe")).toHaveLength(1);
  });

  it("that loses its connection has the snapshot from the next one", async () => {
    const service = await server.connected();
    const seen = record<{ snapshot: object }>(service.subscribe("presence"));
    server.socket.ends(1006);
    await vi.advanceTimersByTimeAsync(1000);
    expect(server.socket.query["channels"]).toBe("presence");
    server.welcome({ channels: { presence: { users: [] } } });
    expect(seen.values[0]).toMatchObject({ snapshot: { users: [] } });
  });

  it("that is refused is forgotten", async () => {
    const service = await server.connected();
    const refused = record(service.refused$);
    const seen = record(service.subscribe("conversation:conv_9"));
    server.socket.refuses(server.socket.commands("subscribe")[0], "CHANNEL_NOT_FOUND");
    expect(seen.error).toMatchObject({ code: "CHANNEL_NOT_FOUND" });
    expect(refused.values).toMatchObject([{ channel: "conversation:conv_9" }]);
    await cut();
    expect(server.socket.query["channels"]).toBeUndefined();
  });

  it("is forgotten, too, where the right to it ended meanwhile", async () => {
    const service = await server.connected({ channels: ["conversation:conv_1"] });
    const refused = record(service.refused$);
    server.socket.ends(1006);
    await vi.advanceTimersByTimeAsync(1000);
    const error = { code: "CHANNEL_NOT_FOUND", message: "", details: {} };
    server.welcome({ refused: { "conversation:conv_1": error } });
    expect(refused.values).toMatchObject([{ channel: "conversation:conv_1" }]);
    expect(server.socket.commands("subscribe")).toEqual([]);
  });
});

describe("unsubscribe()", () => {
  it("leaves at the call, and for good", async () => {
    const service = await server.connected({ channels: ["presence"] });
    const seen = record(service.unsubscribe("presence"));
    server.socket.acknowledges(server.socket.commands("unsubscribe")[0], { channel: "presence" });
    expect(seen).toEqual({ values: [{ channel: "presence" }], completed: true });
    await cut();
    expect(server.socket.query["channels"]).toBeUndefined();
  });

  it("of notifications, which the server joins, is repeated after a reconnect", async () => {
    const service = await server.connected();
    service.unsubscribe("notifications");
    await cut();
    expect(server.socket.commands("unsubscribe")).toHaveLength(1);
    service.subscribe("notifications");
    await cut();
    expect(server.socket.commands("unsubscribe")).toHaveLength(0);
  });

  it("without a connection is done at once", () => {
    const service = server.service({ channels: ["presence"] });
    expect(record(service.unsubscribe("presence")).values).toEqual([{ channel: "presence" }]);
  });
});
