/** Alice's client, and what others do by REST. */

import { createHmac } from "node:crypto";

import { firstValueFrom, filter, type Observable, timeout } from "rxjs";
import { afterEach, inject, vi } from "vitest";
import { WebSocket } from "ws";

import { ConnectionStatus, WebSocketService, type Options } from "../../src/index.js";
import { SECRET } from "./processes.js";

export const CONVERSATION = "conv_123";
export const CHANNEL = `conversation:${CONVERSATION}`;
const PATIENCE_MS = 40_000; // on a machine with other things to do
const IDS = { alice: "1", bob: "2", carol: "3" };
type Name = keyof typeof IDS;

export const site = (): string => `http://127.0.0.1:${inject("port")}`;

/** A token that expires so many seconds from now, issued so many seconds ago. */
export function token(name: Name, seconds = 3600, now = Date.now()): string {
  const iat = Math.floor(now / 1000);
  const claims = { user_id: IDS[name], iat, exp: iat + seconds };
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
}

export async function api<T>(name: Name, path: string, body?: object): Promise<T> {
  const response = await fetch(`${site()}/api/v1/${path}`, {
    method: body ? "POST" : "GET",
    headers: { Authorization: `Bearer ${token(name)}`, "Content-Type": "application/json" },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

/** Say something in the conversation of alice and bob. */
export async function says(name: Name, content: string): Promise<void> {
  await api(name, `conversations/${CONVERSATION}/messages`, { content });
}

const open: WebSocketService[] = [];
afterEach(() => {
  for (const service of open.splice(0)) service.disconnect();
});

/** A client over `url`, disconnected after the test. It does not wait long before it tries again. */
export function client(url = site(), options: Options = {}): WebSocketService {
  const service = new WebSocketService({
    ...{ url: `${url}/ws`, webSocket: WebSocket, random: () => 0 },
    ...options,
  });
  open.push(service);
  return service;
}

/** The first value that is wanted; an error if there is none in time. */
export function next<T>(
  observable: Observable<T>,
  wanted: (value: T) => boolean = () => true,
): Promise<T> {
  return firstValueFrom(observable.pipe(filter(wanted), timeout(PATIENCE_MS)));
}

export async function reaches(service: WebSocketService, status: ConnectionStatus): Promise<void> {
  await next(service.status$, (one) => one === status);
}

/** A client of alice's that is connected and hears the conversation. */
export async function alice(url = site(), options: Options = {}): Promise<WebSocketService> {
  const service = client(url, { channels: [CHANNEL], ...options });
  service.connect(token("alice"));
  await reaches(service, ConnectionStatus.CONNECTED);
  return service;
}

/** What the client hears said, as it comes. */
export function heard(service: WebSocketService): string[] {
  const contents: string[] = [];
  service.on("message").subscribe(({ payload }) => contents.push(payload.content));
  return contents;
}

/** Wait until that many have come. */
export async function come<T>(values: T[], count: number): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (values.length < count) {
    if (Date.now() > deadline) throw new Error(`${values.length} of ${count} have come`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** As much of a browser as tells that its network has changed. */
export function browser(): EventTarget {
  const window = new EventTarget();
  vi.stubGlobal("window", window);
  vi.stubGlobal("document", Object.assign(new EventTarget(), { visibilityState: "visible" }));
  return window;
}
