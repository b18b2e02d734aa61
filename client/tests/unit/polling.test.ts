import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { AnyCommand } from "../../src/index.js";
import { FakeServer, nothing, record, refusal, token } from "./fakes.js";

let server: FakeServer;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
});
afterEach(() => vi.useRealTimers());

const after = (milliseconds: number): Promise<unknown> => vi.advanceTimersByTimeAsync(milliseconds);
/** As the server answers a poll for which nothing has happened. */
async function waits(): Promise<object> {
  await new Promise((resolve) => setTimeout(resolve, 25_000));
  return nothing();
}

function polled(sequence: number, more: object = {}): object {
  return {
    ...{ id: sequence, event_id: `event_${sequence}`, sequence, type: "notification" },
    ...{ channel: "notifications", payload: {}, timestamp: new Date().toISOString() },
    ...more,
  };
}

/** A page that may not open sockets. */
class Forbidden {
  constructor() {
    throw new DOMException("", "SecurityError");
  }
}
const noSockets = { webSocket: Forbidden as never };

function reply(command: AnyCommand | null, payload: object, type = "ack"): object {
  const ack_id = command!.ack_id;
  const timestamp = new Date().toISOString();
  return { id: "r", type, timestamp, ack_id, payload: { ack_id, status: "success", ...payload } };
}

/** Answers the hello, and acknowledges everything else. */
function answering({ body }: { body: AnyCommand | null }): object {
  if (body!.type !== "connect") return reply(body, { data: {} });
  const hello = { user_id: "1", epoch: "e1", last_sequence: 5, recovered: false, channels: {} };
  return reply(body, { ...hello, timestamp: new Date().toISOString() }, "connect");
}

describe("where there can be no socket", () => {
  it("polls begin at once, where the log ends now", async () => {
    server.command = answering;
    server.poll = waits;
    const service = server.service({ ...noSockets, channels: ["presence", "conversation:conv_1"] });
    const resyncs = record(service.resync$);
    service.connect(token());
    await after(0);
    expect(service.status).toBe("polling");
    expect(Object.fromEntries(server.polls[0]!.searchParams)).toEqual({
      ...{ user_id: "1", last_poll_id: "5", epoch: "e1", timeout: "25", channels: "presence" },
    });
    expect(resyncs.values).toEqual([]);
  });

  it("events come by polls as they do by sockets", async () => {
    server.command = answering;
    server.poll = () => nothing({ events: [polled(6)], last_poll_id: 7 });
    const service = server.service(noSockets);
    const told = record(service.on("notification"));
    const positions = record(service.position$);
    service.connect(token());
    await after(0);
    expect(told.values).toMatchObject([{ id: "event_6", sequence: 6, channel: "notifications" }]);
    expect(positions.values.at(-1)).toEqual({ sequence: 7, epoch: "e1" });
  });

  it("events of channels that nobody has subscribed to are left out, as on sockets", async () => {
    server.command = answering;
    const channel = "conversation:conv_1";
    server.poll = () => nothing({ events: [polled(6, { channel, type: "message" })] });
    const service = server.service(noSockets);
    const told = record(service.on("message"));
    service.connect(token());
    await after(0);
    expect(told.values).toEqual([]);
  });

  it("an event of somebody's presence comes to who hears everybody's", async () => {
    server.command = answering;
    const presence = { channel: "presence:7", type: "presence" };
    server.poll = () => nothing({ events: [polled(6, presence)] });
    const service = server.service({ ...noSockets, channels: ["presence"] });
    const told = record(service.on("presence"));
    service.connect(token());
    await after(0);
    expect(told.values).toHaveLength(1);
  });

  it("commands go by HTTP, one after another", async () => {
    const order: string[] = [];
    server.poll = waits;
    server.command = async ({ body }) => {
      order.push(`${body!.type} begins`);
      await new Promise((resolve) => setTimeout(resolve, 100));
      order.push(`${body!.type} ends`);
      return answering({ body });
    };
    const service = server.service(noSockets);
    service.connect(token());
    const seen = record(service.sendWithAck({ type: "feed_seen" }));
    service.send({ type: "notification_read_all" });
    await after(300);
    expect(order.slice(2)).toEqual([
      ...["feed_seen begins", "feed_seen ends"],
      ...["notification_read_all begins", "notification_read_all ends"],
    ]);
    expect(seen.completed).toBe(true);
  });

  it("a refusal by HTTP is the error of the command", async () => {
    server.poll = waits;
    server.command = ({ body }) =>
      body!.type === "connect"
        ? answering({ body })
        : Response.json(reply(body, { code: "NOT_FOUND", message: "", details: {} }, "error"), {
            status: 404,
          });
    const service = server.service(noSockets);
    service.connect(token());
    const seen = record(
      service.sendWithAck({ type: "notification_read", payload: { notification_id: "notif_1" } }),
    );
    await after(0);
    expect(seen.error).toMatchObject({ code: "NOT_FOUND" });
  });

  it("a channel that is joined has the poll asked anew, with it", async () => {
    server.command = answering;
    server.poll = waits;
    const service = server.service(noSockets);
    service.connect(token());
    await after(0);
    expect(server.polls[0]!.searchParams.has("channels")).toBe(false);
    service.subscribe("presence");
    await after(2000);
    expect(server.polls).toHaveLength(2);
    expect(server.polls[1]!.searchParams.get("channels")).toBe("presence");
  });

  it("a channel that is refused is left out", async () => {
    server.command = answering;
    const details = { channel: "presence" };
    server.poll = ({ url }) =>
      url.searchParams.has("channels")
        ? Response.json({ code: "CHANNEL_NOT_FOUND", message: "", details }, { status: 404 })
        : waits();
    const service = server.service({ ...noSockets, channels: ["presence"] });
    const refused = record(service.refused$);
    service.connect(token());
    await after(2000);
    expect(refused.values).toMatchObject([{ channel: "presence" }]);
    expect(server.polls).toHaveLength(2);
    expect(service.status).toBe("polling");
  });
});

describe("polls", () => {
  /** Polling since a socket was lost at position 5. */
  async function afterSocket(options: object = {}) {
    const service = await server.connected({ attemptsBeforePolling: 1, ...options });
    server.socket.ends(1006);
    return service;
  }

  it("go on where the socket stood, and tell what was missed", async () => {
    let count = 0;
    server.poll = () => (count++ ? waits() : nothing({ events: [polled(6), polled(7)] }));
    const service = await afterSocket();
    const recovered = record(service.recovered$);
    await after(0);
    const first = Object.fromEntries(server.polls[0]!.searchParams);
    expect(first).toEqual({ user_id: "1", last_poll_id: "5", epoch: "e1", timeout: "0" });
    expect(recovered.values).toEqual([{ missed: 2 }]);
    await after(2000);
    expect(server.polls[1]!.searchParams.get("timeout")).toBe("25");
  });

  it("have recovered when there is nothing more", async () => {
    let count = 0;
    server.poll = () =>
      nothing({ events: [polled(6 + count)], last_poll_id: 6 + count, has_more: count++ < 2 });
    const service = await afterSocket();
    const recovered = record(service.recovered$);
    await after(2000);
    expect(recovered.values).toEqual([]);
    await after(2000);
    expect(recovered.values).toEqual([{ missed: 3 }]);
  });

  it("that cannot recover are a resync", async () => {
    let count = 0;
    server.poll = () =>
      count++ ? waits() : nothing({ resync: true, last_poll_id: 2, epoch: "e2" });
    const service = await afterSocket();
    const resyncs = record(service.resync$);
    await after(0);
    expect(resyncs.values).toEqual([{ sequence: 2, epoch: "e2" }]);
  });

  it("never exceed the limit, however quickly they are answered", async () => {
    let reset = 0;
    let inWindow = 0;
    server.poll = () => {
      if (Date.now() >= reset) [reset, inWindow] = [Date.now() + 60_000, 0];
      if (++inWindow > 30) return refusal(429, "RATE_LIMITED", 60);
      const headers = { "X-RateLimit-Remaining": `${30 - inWindow}`, "X-RateLimit-Reset": `${reset / 1000}` };
      return Response.json(nothing(), { headers });
    };
    const service = await afterSocket();
    const states = record<{ status: string }>(service.state$);
    await after(600_000);
    expect(server.polls.length).toBeGreaterThan(270);
    expect(inWindow).toBeLessThanOrEqual(30);
    expect(states.values.map(({ status }) => status)).not.toContain("offline");
  });

  it("give way to a socket, which is tried every half minute", async () => {
    let count = 0;
    server.poll = () => (count++ ? waits() : nothing());
    const service = await afterSocket();
    await after(0);
    expect(service.status).toBe("polling");
    await after(30_000);
    expect(server.sockets).toHaveLength(2);
    server.socket.ends(1006);
    await after(30_000);
    expect(server.sockets).toHaveLength(3);
    const recovered = record(service.recovered$);
    server.welcome();
    expect(service.status).toBe("connected");
    expect(recovered.values).toEqual([]); // nothing was lost on the way
    const { length } = server.polls;
    await after(60_000);
    expect(server.polls).toHaveLength(length);
  });

  it("give way to a socket that cannot recover, which is one resync", async () => {
    let count = 0;
    server.poll = () => (count++ ? waits() : nothing());
    const service = await afterSocket();
    await after(30_000);
    const resyncs = record(service.resync$);
    server.socket.open();
    server.socket.says("resync", { reason: "pruned", last_sequence: 9, epoch: "e1" });
    server.socket.welcomes({ last_sequence: 9, recovered: false });
    expect(resyncs.values).toEqual([{ sequence: 9, epoch: "e1" }]);
  });

  it("that fail are tried again, ever more slowly; meanwhile the client is offline", async () => {
    const service = await afterSocket();
    await after(0);
    expect(service.status).toBe("offline");
    const begun = () => server.polls.length;
    await after(2000); // not sooner, for the sake of the limit
    expect(begun()).toBe(2);
    await after(2000 + 4000);
    expect(begun()).toBe(4);
    server.poll = () => nothing();
    await after(7999);
    expect(begun()).toBe(4);
    await after(1);
    expect(service.status).toBe("polling");
  });

  it("keep commands until they are answered", async () => {
    const service = await afterSocket();
    const payload = { content: "Hi", conversation_id: "conv_1" };
    const seen = record(service.sendWithAck({ type: "message", payload }, 60_000));
    await after(0);
    server.command = answering;
    server.poll = () => nothing();
    await after(2000);
    expect(seen.completed).toBe(true);
  });

  it("send a message again where nobody answered", async () => {
    server.poll = () => nothing();
    const service = await afterSocket();
    await after(0);
    const payload = { content: "Hi", conversation_id: "conv_1" };
    const seen = record(service.sendWithAck({ type: "message", payload }, 60_000));
    await after(0);
    expect(service.status).toBe("offline");
    server.command = answering;
    await after(4000);
    expect(seen.completed).toBe(true);
  });

  it("with 429 wait, and that is no failure", async () => {
    let count = 0;
    server.poll = () => (count++ === 1 ? refusal(429, "RATE_LIMITED", 20) : nothing());
    const service = await afterSocket();
    await after(2000);
    expect(server.polls).toHaveLength(2);
    await after(19_999);
    expect(server.polls).toHaveLength(2);
    await after(1);
    expect(server.polls).toHaveLength(3);
    expect(service.status).toBe("polling");
  });

  it("with 401 go on with a fresh token, and end where that is refused, too", async () => {
    const getToken = vi.fn(async () => token(7200));
    const service = await server.connected({ attemptsBeforePolling: 1, getToken });
    server.poll = () => refusal(401, "TOKEN_EXPIRED");
    server.socket.ends(1006);
    await after(2000);
    expect(getToken).toHaveBeenCalledOnce();
    expect(server.polls).toHaveLength(2);
    expect(service.status).toBe("ended");
  });

  it("whose token is refused together with a command's need but one fresh one", async () => {
    const [old, fresh] = [token(3600), token(7200)];
    const getToken = vi.fn(async () => fresh);
    const service = await server.connected({ attemptsBeforePolling: 1, getToken }, old);
    let revoked = false;
    const refused: string[] = [];
    const unless = (what: string, given: string, answer: () => unknown): unknown => {
      if (!revoked || given === fresh) return answer();
      refused.push(what);
      return refusal(401, "INVALID_TOKEN");
    };
    let count = 0;
    server.poll = async ({ token: given }) => {
      if (count++) await new Promise((resolve) => setTimeout(resolve, 5000));
      return unless("poll", given, nothing);
    };
    server.command = ({ body, token: given }) => unless("send", given, () => answering({ body }));
    server.socket.ends(1006);
    await after(3000);
    revoked = true; // while a poll waits
    const seen = record(service.sendWithAck({ type: "feed_seen" }));
    await after(10_000);
    expect(refused).toEqual(["send", "poll"]);
    expect(getToken).toHaveBeenCalledOnce();
    expect(seen.completed).toBe(true);
    expect(service.status).toBe("polling");
  });

  it("with 403 end", async () => {
    server.poll = () => refusal(403, "FORBIDDEN");
    const service = await afterSocket();
    await after(0);
    expect(service.status).toBe("ended");
  });

  it("stop with disconnect() by who is told of an event", async () => {
    const service = await afterSocket();
    const positions = record(service.position$);
    const told = record(service.on("notification"));
    service.on("notification").subscribe(() => service.disconnect());
    server.poll = () => nothing({ events: [polled(6), polled(7)], last_poll_id: 7 });
    await after(60_000);
    expect(told.values).toHaveLength(1);
    expect(positions.values.at(-1)).toBeNull();
  });

  it("stop with disconnect()", async () => {
    server.poll = () => nothing();
    const service = await afterSocket();
    await after(2000);
    const { length } = server.polls;
    service.disconnect();
    await after(60_000);
    expect(server.polls).toHaveLength(length);
    expect(service.status).toBe("disconnected");
  });
});
