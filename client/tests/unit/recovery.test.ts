import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { FakeServer, record } from "./fakes.js";

let server: FakeServer;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
});
afterEach(() => vi.useRealTimers());

const sequences = (frames: { sequence: number }[]): number[] => frames.map((one) => one.sequence);

describe("after a reconnect", () => {
  it("the handshake says where it stood and what it heard", async () => {
    const service = await server.connected({ channels: ["presence"] });
    service.subscribe("conversation:conv_1");
    server.socket.notifies(7);
    await server.cut();
    expect(server.socket.query).toEqual({
      ...{ last_sequence: "7", epoch: "e1", channels: "presence,conversation:conv_1" },
    });
    expect(server.socket.sent).toEqual([]);
  });

  it("what was missed is told, then how much it was", async () => {
    const service = await server.connected();
    const told: unknown[] = [];
    service.on("notification").subscribe(({ sequence }) => told.push(sequence));
    service.recovered$.subscribe((recovered) => told.push(recovered));
    server.socket.notifies(7);
    await server.cut();
    server.socket.notifies(8);
    server.socket.notifies(9);
    server.socket.welcomes({ last_sequence: 9 });
    expect(told).toEqual([7, 8, 9, { missed: 2 }]);
  });

  it("the position has moved by the replay, should the connection be lost in its midst", async () => {
    await server.connected();
    await server.cut();
    server.socket.notifies(8);
    server.socket.ends(1006);
    await vi.advanceTimersByTimeAsync(2000);
    expect(server.socket.query["last_sequence"]).toBe("8");
  });

  it("what cannot be recovered is a resync, from the new position", async () => {
    const service = await server.connected();
    const resyncs = record(service.resync$);
    const recovered = record(service.recovered$);
    const frames = record(service.on("resync"));
    await server.cut();
    server.socket.says("resync", { reason: "epoch", last_sequence: 3, epoch: "e2" });
    server.socket.welcomes({ last_sequence: 3, epoch: "e2", recovered: false });
    expect(resyncs.values).toEqual([{ sequence: 3, epoch: "e2" }]);
    expect(recovered.values).toEqual([]);
    expect(frames.values).toHaveLength(1);
  });

  it("a resync in between is told at once", async () => {
    const service = await server.connected();
    const resyncs = record(service.resync$);
    server.socket.says("resync", { reason: "epoch", last_sequence: 3, epoch: "e2" });
    expect(resyncs.values).toEqual([{ sequence: 3, epoch: "e2" }]);
  });

  it("a hello too long for a URL is a frame, and live events wait for what was missed", async () => {
    const channels = Array.from({ length: 150 }, (_, n) => `presence:${"0".repeat(30)}${n}`);
    const service = await server.connected({ channels });
    const told = record<{ sequence: number }>(service.on("notification"));
    await server.cut();
    expect(server.socket.url).toBe("wss://host/ws");
    const payload = { last_sequence: 5, epoch: "e1", channels };
    expect(server.socket.sent).toEqual([{ type: "connect", payload }]);
    server.socket.notifies(8); // it came before the server had read the hello
    server.socket.notifies(6);
    server.socket.notifies(8);
    expect(told.values).toEqual([]);
    server.socket.welcomes({ last_sequence: 8 });
    expect(sequences(told.values)).toEqual([6, 8]);
  });
});

describe("an event", () => {
  it("that comes again is not told again", async () => {
    const service = await server.connected();
    const told = record<{ sequence: number }>(service.on("notification"));
    server.socket.notifies(6);
    await server.cut();
    server.socket.notifies(6);
    server.socket.welcomes({ last_sequence: 6 });
    server.socket.notifies(6);
    expect(sequences(told.values)).toEqual([6]);
  });

  it("that is not logged moves no position", async () => {
    const service = await server.connected();
    const positions = record(service.position$);
    server.socket.says("typing_start", {}, { channel: "conversation:conv_1" });
    expect(positions.values).toEqual([{ sequence: 5, epoch: "e1" }]);
  });

  it("of a heartbeat moves it: others' events are behind it", async () => {
    const service = await server.connected();
    const positions = record(service.position$);
    const timestamp = new Date().toISOString();
    server.socket.says("heartbeat", { timestamp, last_sequence: 12 });
    server.socket.says("heartbeat", { timestamp, last_sequence: 11 });
    expect(positions.values.at(-1)).toEqual({ sequence: 12, epoch: "e1" });
  });
});

describe("the frames of the log", () => {
  it("have each one in and out, and no token", async () => {
    const service = server.service();
    const log = record<{ direction: string; text: string }>(service.frames$);
    service.connect("secret-token", "1");
    await vi.advanceTimersByTimeAsync(0);
    server.welcome();
    service.connect("another-secret-token", "1");
    server.socket.acknowledges(server.socket.commands("authenticate")[0]);
    expect(log.values.map(({ direction }) => direction)).toEqual(["note", "out", "in", "out", "in"]);
    expect(JSON.stringify(log.values)).not.toContain("secret");
  });
});
