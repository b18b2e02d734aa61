import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { ConnectionStatus } from "../../src/index.js";
import { FakeServer, record, refusal, token } from "./fakes.js";

let server: FakeServer;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
});
afterEach(() => vi.useRealTimers());

const after = (milliseconds: number): Promise<unknown> => vi.advanceTimersByTimeAsync(milliseconds);

describe("a first connection", () => {
  it("says hello, and is up with the reply", async () => {
    const service = server.service({ channels: ["presence"] });
    const statuses = record<ConnectionStatus>(service.status$);
    service.connect(token());
    await after(0);
    server.socket.open();
    expect(server.socket.sent).toEqual([{ type: "connect", payload: { channels: ["presence"] } }]);
    expect(service.status).toBe(ConnectionStatus.CONNECTING);
    server.socket.welcomes();
    expect(statuses.values).toEqual(["disconnected", "connecting", "connected"]);
  });

  it("carries the token in the subprotocols and never in the URL", async () => {
    const jwt = token();
    server.service().connect(jwt);
    await after(0);
    expect(server.socket.protocols).toEqual(["socialhub.v1", `bearer.${jwt}`]);
    expect(server.socket.url).toBe("wss://host/ws");
  });

  it("has no position before the reply", async () => {
    const service = server.service();
    const positions = record(service.position$);
    service.connect(token());
    await after(0);
    server.socket.open();
    server.socket.notifies(9);
    expect(positions.values).toEqual([null]);
    server.socket.welcomes({ last_sequence: 9 });
    expect(positions.values).toEqual([null, { sequence: 9, epoch: "e1" }]);
  });

  it("is no resync: nothing can have been missed", async () => {
    const service = server.service();
    const resyncs = record(service.resync$);
    service.connect(token());
    await after(0);
    server.welcome({ recovered: false });
    expect(resyncs.values).toEqual([]);
  });

  it("asks getToken where connect() got none", async () => {
    const jwt = token();
    server.service({ getToken: async () => jwt }).connect();
    await after(0);
    expect(server.socket.protocols[1]).toBe(`bearer.${jwt}`);
  });

  it("ends where there is no token at all", async () => {
    const service = server.service();
    const states = record(service.state$);
    service.connect();
    await after(0);
    expect(states.values.at(-1)).toMatchObject({ status: "ended", error: { code: "MISSING_TOKEN" } });
  });

  it("does not wait for an answer for ever", async () => {
    const service = server.service();
    service.connect(token());
    await after(0);
    server.socket.open();
    await after(10_000);
    expect(server.socket.closedWith).toBe(1000);
    await after(1000);
    expect(server.sockets).toHaveLength(2);
  });
});

describe("a connection that fails", () => {
  it("is tried again after 1, 2, 4, 8, 16 and 30 s; after 10 attempts polls begin", async () => {
    const service = server.service();
    const begun: number[] = [];
    const start = Date.now();
    service.connect(token());
    await after(0);
    for (let attempt = 1; attempt <= 10; attempt++) {
      begun.push((Date.now() - start) / 1000);
      const { length } = server.sockets;
      expect(length).toBe(attempt);
      server.socket.ends(1006);
      for (let waited = 0; attempt < 10 && server.sockets.length === length; waited += 500) {
        await after(500);
      }
    }
    expect(begun).toEqual([0, 1, 3, 7, 15, 31, 61, 91, 121, 151]);
    await after(0);
    expect(service.status).toBe(ConnectionStatus.OFFLINE); // nobody answers polls either
  });

  it("waits between half of that and all of it", async () => {
    server.service({ random: () => 0 }).connect(token());
    await after(0);
    server.socket.ends(1006);
    await after(499);
    expect(server.sockets).toHaveLength(1);
    await after(1);
    expect(server.sockets).toHaveLength(2);
  });

  it("says when it tries again", async () => {
    const service = await server.connected();
    const states = record<{ retryAt: number }>(service.state$);
    server.socket.ends(1011);
    expect(states.values.at(-1)).toEqual({
      ...{ status: "reconnecting", closeCode: 1011, retryAt: Date.now() + 1000 },
    });
  });

  it("counts a connection that lasted less than 10 s as a failure", async () => {
    await server.connected();
    server.socket.ends(1006);
    await after(1000);
    server.welcome();
    server.socket.ends(1006);
    await after(1999);
    expect(server.sockets).toHaveLength(2);
    await after(1);
    server.welcome();
    await after(10_000);
    server.socket.ends(1006);
    await after(1000);
    expect(server.sockets).toHaveLength(4);
  });
});

describe("a close by the server", () => {
  it("is waited for as long as the server says", async () => {
    await server.connected();
    const payload = { reason: "server_shutdown", code: 4001, reconnect: true };
    server.socket.says("disconnect", { ...payload, reconnect_after_ms: 7000 });
    server.socket.ends(4001);
    await after(6999);
    expect(server.sockets).toHaveLength(1);
    await after(1);
    expect(server.sockets).toHaveLength(2);
  });

  it.each([4503, 4529, 4599])("of %i is the end", async (code) => {
    const service = await server.connected({ getToken: async () => token() });
    const states = record(service.state$);
    server.socket.ends(code);
    await after(600_000);
    expect(server.sockets).toHaveLength(1);
    expect(states.values.at(-1)).toMatchObject({ status: "ended", closeCode: code });
  });

  it("is the end, too, where only the frame before it has arrived", async () => {
    const service = await server.connected();
    server.socket.says("disconnect", { reason: "disabled", code: 4503, reconnect: false });
    server.socket.ends(1006);
    expect(service.status).toBe(ConnectionStatus.ENDED);
  });

  it("of 4501 is the end where there is no other token", async () => {
    const service = await server.connected();
    server.socket.ends(4501);
    expect(service.status).toBe(ConnectionStatus.ENDED);
  });

  it("of 4501 is tried once with a fresh token", async () => {
    const getToken = vi.fn(async () => token(7200));
    const service = await server.connected({ getToken });
    server.socket.ends(4501);
    await after(0);
    expect(getToken).toHaveBeenCalledOnce();
    expect(server.socket.protocols[1]).toBe(`bearer.${token(7200)}`);
    server.welcome();
    server.socket.ends(4501);
    await after(0);
    expect(service.status).toBe(ConnectionStatus.ENDED);
  });

  it("of 4501 may be tried again when a fresh token has lasted", async () => {
    const service = await server.connected({ getToken: async () => token() });
    for (let time = 0; time < 2; time++) {
      server.socket.ends(4501);
      await after(0);
      server.welcome();
      await after(60_000);
    }
    expect(service.status).toBe(ConnectionStatus.CONNECTED);
  });
});

describe("a refused handshake", () => {
  async function refused(answer: Response, getToken?: () => Promise<string>) {
    const service = server.service(getToken ? { getToken } : {});
    const states = record<{ status: string }>(service.state$);
    server.poll = () => answer.clone();
    service.connect(token());
    await after(0);
    server.socket.ends(1006);
    await after(0);
    return states.values;
  }

  it("has its reason asked by a poll that does not wait", async () => {
    await refused(refusal(503, "INTERNAL_ERROR"));
    expect(Object.fromEntries(server.polls[0]!.searchParams)).toMatchObject({
      ...{ user_id: "1", timeout: "0" },
    });
  });

  it("with 401 gets a fresh token, and ends if that is refused, too", async () => {
    const getToken = vi.fn(async () => token(7200));
    const states = await refused(refusal(401, "TOKEN_EXPIRED"), getToken);
    expect(server.sockets).toHaveLength(2);
    expect(getToken).toHaveBeenCalledOnce();
    server.socket.ends(1006);
    await after(0);
    expect(states.at(-1)).toMatchObject({ status: "ended", error: { code: "TOKEN_EXPIRED" } });
  });

  it("with 401 ends where there is no other token", async () => {
    const states = await refused(refusal(401, "INVALID_TOKEN"));
    expect(states.at(-1)).toMatchObject({ status: "ended", error: { code: "INVALID_TOKEN" } });
  });

  it("with 403 ends: it is somebody else's user_id", async () => {
    const states = await refused(refusal(403, "FORBIDDEN"));
    expect(states.at(-1)).toMatchObject({ status: "ended", error: { code: "FORBIDDEN" } });
  });

  it("with 429 waits as long as the server says", async () => {
    await refused(refusal(429, "RATE_LIMITED", 12));
    await after(11_999);
    expect(server.sockets).toHaveLength(1);
    await after(1);
    expect(server.sockets).toHaveLength(2);
  });

  it("is no refusal where nobody answers the poll either", async () => {
    const service = server.service();
    service.connect(token());
    await after(0);
    server.socket.ends(1006);
    await after(1000);
    expect(server.sockets).toHaveLength(2);
    expect(service.status).toBe(ConnectionStatus.CONNECTING);
  });
});

describe("a dead network", () => {
  it("is looked for every 25 s", async () => {
    const service = await server.connected();
    await after(25_000);
    expect(server.socket.commands("heartbeat")).toHaveLength(1);
    await after(25_000);
    expect(server.socket.commands("heartbeat")).toHaveLength(2);
    expect(service.status).toBe(ConnectionStatus.CONNECTED);
  });

  it("is found when a heartbeat is not answered for 10 s", async () => {
    const service = await server.connected();
    server.socket.alive = false;
    await after(34_999);
    expect(service.status).toBe(ConnectionStatus.CONNECTED);
    await after(1);
    expect(service.status).toBe(ConnectionStatus.RECONNECTING);
  });
});

describe("the page", () => {
  /** As much of a browser as tells when it was shown or came online. */
  function page(): { window: EventTarget; document: EventTarget } {
    const fake = {
      window: new EventTarget(),
      document: Object.assign(new EventTarget(), { visibilityState: "visible" }),
    };
    for (const [name, value] of Object.entries(fake)) vi.stubGlobal(name, value);
    return fake;
  }

  it.each(["online", "offline"])("being %s has an open socket looked after", async (event) => {
    const { window } = page();
    const service = await server.connected();
    server.socket.alive = false;
    window.dispatchEvent(new Event(event));
    expect(server.socket.commands("heartbeat")).toHaveLength(1);
    await after(10_000);
    expect(service.status).toBe(ConnectionStatus.RECONNECTING);
  });

  it("being shown again ends the pause before an attempt", async () => {
    const { document } = page();
    await server.connected();
    server.socket.ends(1006);
    document.dispatchEvent(new Event("visibilitychange"));
    await after(0);
    expect(server.sockets).toHaveLength(2);
  });

  it("does not hurry back to a server that has asked to be left alone", async () => {
    const { window } = page();
    await server.connected();
    const payload = { reason: "server_shutdown", code: 4001, reconnect: true };
    server.socket.says("disconnect", { ...payload, reconnect_after_ms: 7000 });
    server.socket.ends(4001);
    window.dispatchEvent(new Event("online"));
    await after(0);
    expect(server.sockets).toHaveLength(1);
  });

  it("without a network shows that it is offline", async () => {
    vi.stubGlobal("navigator", { onLine: false });
    const service = await server.connected();
    server.socket.ends(1006);
    expect(service.status).toBe(ConnectionStatus.OFFLINE);
  });

  it("is not listened to after disconnect()", async () => {
    const { window } = page();
    const service = await server.connected();
    service.disconnect();
    window.dispatchEvent(new Event("online"));
    await after(0);
    expect(server.sockets).toHaveLength(1);
  });
});

describe("disconnect()", () => {
  it("by who is told of the connection leaves nothing of it behind", async () => {
    const service = await server.connected();
    const positions = record(service.position$);
    const told = [record(service.resync$), record(service.on("connect"))];
    await server.cut();
    service.status$.subscribe((status) => {
      if (status === ConnectionStatus.CONNECTED) service.disconnect();
    });
    server.socket.welcomes({ recovered: false });
    expect(told.flatMap(({ values }) => values)).toEqual([]);
    expect(service.status).toBe(ConnectionStatus.DISCONNECTED);
    expect(positions.values.at(-1)).toBeNull();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("says so, closes, and stays away", async () => {
    const service = await server.connected();
    service.disconnect();
    expect(server.socket.commands("disconnect")).toHaveLength(1);
    expect(server.socket.closedWith).toBe(1000);
    server.socket.ends(1000);
    await after(600_000);
    expect(server.sockets).toHaveLength(1);
    expect(service.status).toBe(ConnectionStatus.DISCONNECTED);
  });

  it("forgets who it was: the next user recovers nothing of theirs", async () => {
    const service = await server.connected({ channels: ["presence"] });
    service.subscribe("conversation:conv_1");
    service.disconnect();
    service.connect(token(3600, { user_id: "2" }));
    await after(0);
    server.socket.open();
    expect(server.socket.query).toEqual({});
    expect(server.socket.sent).toEqual([{ type: "connect", payload: { channels: ["presence"] } }]);
  });
});

describe("connect() once more", () => {
  it("with nothing new changes nothing", async () => {
    const service = await server.connected({ getToken: async () => token() });
    service.connect();
    await after(0);
    expect(server.sockets).toHaveLength(1);
  });

  it("with the same user changes the token, in place", async () => {
    const service = await server.connected();
    const jwt = token(7200);
    service.connect(jwt, "1");
    expect(server.sockets).toHaveLength(1);
    expect(server.socket.commands("authenticate")[0]?.payload).toEqual({ token: jwt });
  });

  it("with another user begins anew", async () => {
    const service = await server.connected();
    service.connect(token(3600, { user_id: "2" }));
    await after(0);
    expect(server.sockets).toHaveLength(2);
    expect(server.socket.query).toEqual({});
  });

  it("after the end goes on from where it stood", async () => {
    const service = await server.connected();
    server.socket.ends(4501);
    service.connect(token(7200));
    await after(0);
    expect(server.socket.query).toEqual({ last_sequence: "5", epoch: "e1" });
  });
});

describe("interrupt()", () => {
  it("loses the connection for as long as it says", async () => {
    const service = await server.connected();
    service.interrupt(5000);
    expect(service.status).toBe(ConnectionStatus.RECONNECTING);
    await after(4999);
    expect(server.sockets).toHaveLength(1);
    await after(1);
    expect(server.sockets).toHaveLength(2);
  });
});
