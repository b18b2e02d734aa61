import { Injectable, inject } from "@angular/core";
import { TestBed } from "@angular/core/testing";
import { beforeEach, expect, it } from "vitest";

import { ConnectionStatus, WebSocketService as Plain } from "@socialhub/realtime";
import { provideRealtime, WebSocketService } from "@socialhub/realtime/angular";

import { App } from "./app.js";

/** The socket that the service has opened; the test answers on it. */
class Socket {
  static last: Socket;
  readyState = 1;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  onerror: (() => void) | null = null;

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {
    Socket.last = this;
  }

  send(): void {}
  close(): void {}

  says(type: string, payload: object, more: object = {}): void {
    const timestamp = new Date().toISOString();
    this.onmessage!({ data: JSON.stringify({ id: "id", type, payload, timestamp, ...more }) });
  }

  welcomes(): void {
    this.onopen!();
    const reply = { user_id: "1", epoch: "e", last_sequence: 1, recovered: false, channels: {} };
    this.says("connect", { ...reply, timestamp: new Date().toISOString() });
  }
}

@Injectable({ providedIn: "root" })
class Login {
  async token(): Promise<string> {
    return "token-of-the-login";
  }
}

beforeEach(() => {
  TestBed.configureTestingModule({
    providers: [
      provideRealtime(() => {
        const login = inject(Login);
        return { url: "ws://host/ws", getToken: () => login.token(), webSocket: Socket };
      }),
    ],
  });
});

const text = (element: HTMLElement, id: string) => element.querySelector(`#${id}`)!.textContent;
/** What was begun with promises has happened. */
const settled = () => new Promise((resolve) => setTimeout(resolve));

it("the service is injected, once, and is the package's", () => {
  const service = TestBed.inject(WebSocketService);
  expect(service).toBe(TestBed.inject(WebSocketService));
  expect(service).toBeInstanceOf(Plain);
  expect(service.status).toBe(ConnectionStatus.DISCONNECTED);
});

it("its options may inject, as for the token", async () => {
  TestBed.inject(WebSocketService).connect("", "1");
  await settled();
  expect(Socket.last.protocols).toEqual(["socialhub.v1", "bearer.token-of-the-login"]);
});

it("a component shows the status and what comes", async () => {
  const fixture = TestBed.createComponent(App);
  await settled();
  await fixture.whenStable();
  const page = fixture.nativeElement as HTMLElement;
  expect(text(page, "status")).toBe("Connecting…");
  Socket.last.welcomes();
  Socket.last.says("notification", { message: "Bob liked your post" }, { id: "e1", sequence: 2 });
  await fixture.whenStable();
  expect(text(page, "status")).toBe("Live");
  expect(text(page, "latest")).toBe("Bob liked your post");
  Socket.last.onclose!({ code: 1006 });
  await fixture.whenStable();
  expect(text(page, "status")).toBe("Reconnecting…");
});

it("it is disconnected with its application", async () => {
  const service = TestBed.inject(WebSocketService);
  service.connect("", "1");
  await settled();
  Socket.last.welcomes();
  TestBed.resetTestingModule();
  expect(service.status).toBe(ConnectionStatus.DISCONNECTED);
});

it("plain options will do", () => {
  TestBed.resetTestingModule().configureTestingModule({
    providers: [provideRealtime({ url: "ws://host/ws" })],
  });
  expect(TestBed.inject(WebSocketService)).toBeInstanceOf(WebSocketService);
});
