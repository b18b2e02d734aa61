import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { readClaims } from "../../src/tokens.js";
import { FakeServer, token } from "./fakes.js";

let server: FakeServer;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
});
afterEach(() => vi.useRealTimers());

const after = (milliseconds: number): Promise<unknown> => vi.advanceTimersByTimeAsync(milliseconds);

describe("the claims of a token", () => {
  it("are read whatever letters are in them", () => {
    expect(readClaims(token(60, { user_id: "zoë-✓" })).userId).toBe("zoë-✓");
    expect(readClaims(token(60, { user_id: 7 })).userId).toBe("7");
  });

  it("are unknown where it is no JWT", () => {
    expect(readClaims("secret")).toEqual({ userId: undefined, expiresAt: undefined });
  });
});

describe("a token that will expire", () => {
  it("is renewed in place, when three quarters of its life have passed", async () => {
    const fresh = token(7200);
    const getToken = vi.fn(async () => fresh);
    await server.connected({ getToken }, token(400));
    await after(299_000);
    expect(getToken).not.toHaveBeenCalled();
    await after(1000);
    const [command] = server.socket.commands("authenticate");
    expect(command!.payload).toEqual({ token: fresh });
    server.socket.acknowledges(command, { user_id: "1" });
    expect(server.sockets).toHaveLength(1);
  });

  it("is renewed by the server's clock, should the visitor's be an hour slow", async () => {
    const hour = 3_600_000;
    const getToken = vi.fn(async () => token(7200));
    const service = server.service({ getToken });
    service.connect(token(3600 + 400));
    await after(0);
    server.welcome({ timestamp: new Date(Date.now() + hour).toISOString() });
    await after(300_000);
    expect(getToken).toHaveBeenCalledOnce();
  });

  it("is renewed again later where that failed", async () => {
    const getToken = vi.fn(async () => Promise.reject(new TypeError("fetch failed")));
    const service = await server.connected({ getToken }, token(400));
    await after(310_000);
    expect(getToken).toHaveBeenCalledTimes(2);
    expect(service.status).toBe("connected");
  });

  it("is the end where getToken says that the session is over", async () => {
    const getToken = async () => Promise.reject({ status: 401 });
    const service = await server.connected({ getToken }, token(400));
    await after(300_000);
    expect(service.status).toBe("ended");
  });

  it("is left to expire where there is no other", async () => {
    const service = await server.connected({}, token(400));
    await after(500_000);
    expect(server.socket.commands("authenticate")).toEqual([]);
    expect(service.status).toBe("connected"); // the server says when it is over
  });
});

describe("a token that has expired before a connection", () => {
  it("is replaced first", async () => {
    const fresh = token(7200);
    const service = server.service({ getToken: async () => fresh });
    service.connect(token(5));
    await after(0);
    expect(server.socket.protocols[1]).toBe(`bearer.${fresh}`);
  });

  it("is tried all the same where there is no other: the clock may be wrong", async () => {
    const stale = token(-60);
    server.service().connect(stale);
    await after(0);
    expect(server.socket.protocols[1]).toBe(`bearer.${stale}`);
  });
});

describe("getToken", () => {
  it("that never answers is given up and asked again", async () => {
    const getToken = vi.fn(() => new Promise<string>(() => undefined));
    server.service({ getToken }).connect();
    await after(30_000 + 1000);
    expect(getToken).toHaveBeenCalledTimes(2);
  });

  it("that gives nothing is the end", async () => {
    const service = server.service({ getToken: async () => "" });
    service.connect();
    await after(0);
    expect(service.status).toBe("ended");
  });
});
