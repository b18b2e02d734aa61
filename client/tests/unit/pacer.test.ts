import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { ServerClock } from "../../src/clock.js";
import { Pacer } from "../../src/pacer.js";

let pacer: Pacer;

beforeEach(() => {
  vi.useFakeTimers({ now: 1_700_000_000_000 });
  pacer = new Pacer(new ServerClock());
});
afterEach(() => vi.useRealTimers());

function answered(remaining: number, seconds: number): void {
  const reset = String(Date.now() / 1000 + seconds);
  pacer.read(
    new Headers({ "X-RateLimit-Remaining": String(remaining), "X-RateLimit-Reset": reset }),
  );
}

it("lets the first request start at once, the next 2 s after it", () => {
  expect(pacer.wait).toBe(0);
  pacer.start();
  expect(pacer.wait).toBe(2000);
});

it("spreads what is left over what is left of the window", () => {
  pacer.start();
  answered(10, 50);
  expect(pacer.wait).toBe(5000);
});

it("counts from the start of a request: one that has waited for long has no pause after it", () => {
  pacer.start();
  vi.advanceTimersByTime(25_000);
  answered(28, 35);
  expect(pacer.wait).toBe(0);
});

it("waits for the next window where nothing is left", () => {
  pacer.start();
  answered(0, 42);
  expect(pacer.wait).toBe(42_000);
});

it("waits as long as it is told to", () => {
  pacer.start();
  pacer.read(new Headers({ "Retry-After": "17" }));
  expect(pacer.wait).toBe(17_000);
});

it("is not led astray by a wrong clock: a window is a minute", () => {
  pacer.start();
  answered(0, 86_400);
  expect(pacer.wait).toBe(60_000);
});
