import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { Options } from "../../src/index.js";
import { FakeServer } from "./fakes.js";

const MINUTE = 60_000;

let server: FakeServer;
let page: EventTarget & { visibilityState: string };

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  page = Object.assign(new EventTarget(), { visibilityState: "visible" });
  vi.stubGlobal("document", page);
  vi.stubGlobal("BroadcastChannel", Tab);
  Tab.all.clear();
});
afterEach(() => vi.useRealTimers());

/** Tells the other tabs of the browser, at once. */
class Tab {
  static readonly all = new Set<Tab>();
  onmessage: (() => void) | null = null;

  constructor() {
    Tab.all.add(this);
  }

  postMessage(): void {
    for (const tab of Tab.all) if (tab !== this) tab.onmessage?.();
  }

  close(): void {
    Tab.all.delete(this);
  }
}

const connected = (options: Options = { awayAfterMs: 5 * MINUTE }) => server.connected(options);
const after = (milliseconds: number): Promise<unknown> => vi.advanceTimersByTimeAsync(milliseconds);

function told(): unknown[] {
  return server.socket.commands("presence").map(({ payload }) => (payload as { status: string }).status);
}

function show(visibilityState: "visible" | "hidden"): void {
  page.visibilityState = visibilityState;
  page.dispatchEvent(new Event("visibilitychange"));
}

describe("a status that was set", () => {
  it("is told at once, and again after a reconnect", async () => {
    const service = await connected({});
    service.setPresence("busy");
    expect(told()).toEqual(["busy"]);
    await server.cut();
    server.socket.welcomes();
    expect(told()).toEqual(["busy"]);
  });

  it("without a connection is told when there is one", async () => {
    const service = server.service();
    service.setPresence("busy");
    service.connect("token", "1");
    await after(0);
    server.welcome();
    expect(told()).toEqual(["busy"]);
  });
});

describe("nobody being there", () => {
  it("for as long as was set makes the user away, until somebody is", async () => {
    await connected();
    await after(5 * MINUTE);
    expect(told()).toEqual(["away"]);
    page.dispatchEvent(new Event("pointermove"));
    expect(told()).toEqual(["away", "online"]);
  });

  it("is not so while there are signs of somebody", async () => {
    await connected();
    for (let minute = 0; minute < 10; minute++) {
      await after(MINUTE);
      page.dispatchEvent(new Event("keydown"));
    }
    expect(told()).toEqual([]);
  });

  it("is so while the page is hidden", async () => {
    await connected();
    show("hidden");
    await after(4 * MINUTE);
    page.dispatchEvent(new Event("pointermove")); // of no page that one can see
    await after(MINUTE);
    expect(told()).toEqual(["away"]);
    show("visible");
    expect(told()).toEqual(["away", "online"]);
  });

  it("is not so while somebody is in another tab", async () => {
    await connected();
    const tab = new Tab();
    await after(4 * MINUTE);
    tab.postMessage();
    await after(4 * MINUTE);
    expect(told()).toEqual([]);
  });

  it("leaves busy as it is", async () => {
    const service = await connected();
    service.setPresence("busy");
    await after(5 * MINUTE);
    page.dispatchEvent(new Event("pointermove"));
    expect(told()).toEqual(["busy"]);
  });

  it("is not looked for unless asked to", async () => {
    await connected({});
    await after(60 * MINUTE);
    expect(told()).toEqual([]);
  });

  it("is not looked for after disconnect()", async () => {
    const service = await connected();
    service.disconnect();
    expect(Tab.all.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});
