import { createServer, request, type RequestOptions, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";

import { firstValueFrom } from "rxjs";
import { afterEach, describe, expect, inject, it } from "vitest";

import { ConnectionStatus, type WebSocketService } from "../../src/index.js";
import { alice, api, browser, CHANNEL, client, come, CONVERSATION, heard, next, reaches, says, site, token } from "./people.js";
import { Line } from "./processes.js";

let line: Line | undefined;
let proxy: Server | undefined;

afterEach(async () => {
  await line?.close();
  proxy?.closeAllConnections();
  proxy?.close();
  line = proxy = undefined;
});

describe("a line that is cut", () => {
  it("costs no event, and none comes twice", async () => {
    line = await Line.open(inject("port"));
    const service = await alice(line.url);
    const contents = heard(service);
    const recovered = next(service.recovered$);
    await says("bob", "before");
    await come(contents, 1);
    await line.cut(3600);
    for (let n = 0; n < 5; n++) await says("bob", `missed ${n}`);
    await line.cut(0);
    expect((await recovered).missed).toBeGreaterThanOrEqual(5);
    await says("bob", "after");
    await come(contents, 7);
    expect(contents).toEqual(["before", ...[0, 1, 2, 3, 4].map((n) => `missed ${n}`), "after"]);
  });

  it("again and again while messages are sent has each arrive once", async () => {
    line = await Line.open(inject("port"));
    const service = await alice(line.url);
    const wanted = Array.from({ length: 30 }, (_, n) => `${n} ${crypto.randomUUID()}`);
    const acks: Promise<unknown>[] = [];
    for (const [n, content] of wanted.entries()) {
      const payload = { conversation_id: CONVERSATION, content };
      acks.push(firstValueFrom(service.sendWithAck({ type: "message", payload }, 25_000)));
      if (n % 10 === 5) await line.cut(0);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await Promise.all(acks);
    const path = `conversations/${CONVERSATION}/messages?page_size=100`;
    const page = await api<{ results: { content: string }[] }>("alice", path);
    const said = page.results.map(({ content }) => content).filter((one) => wanted.includes(one));
    expect(said.sort()).toEqual([...wanted].sort());
  });
});

it("a line that goes silent is given up, and nothing is missed", async () => {
  const window = browser();
  line = await Line.open(inject("port"));
  const service = await alice(line.url);
  const contents = heard(service);
  await line.silence();
  await says("bob", "into the void");
  window.dispatchEvent(new Event("offline")); // else the next heartbeat would find it
  await reaches(service, ConnectionStatus.RECONNECTING);
  await reaches(service, ConnectionStatus.CONNECTED);
  await come(contents, 1);
  expect(contents).toEqual(["into the void"]);
});

describe("a proxy that blocks WebSockets", () => {
  let blocking: boolean;
  const upgraded: Duplex[] = [];

  /** Passes HTTP on; upgrades only while it is not `blocking`. */
  async function start(): Promise<string> {
    const { port } = new URL(site());
    const pass = (options: RequestOptions) => request({ ...options, host: "127.0.0.1", port });
    blocking = true;
    proxy = createServer((asked, answer) => {
      const { method, url: path, headers } = asked;
      const onward = pass({ method: method!, path: path!, headers }).on("response", (response) => {
        answer.writeHead(response.statusCode!, response.headers);
        response.pipe(answer);
      });
      onward.on("error", () => answer.destroy());
      answer.on("close", () => onward.destroy());
      asked.pipe(onward);
    });
    proxy.on("upgrade", (asked, socket, sent) => {
      socket.on("error", () => undefined);
      if (blocking) return socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
      upgraded.push(socket);
      const { url: path, headers } = asked;
      const onward = pass({ path: path!, headers });
      onward.on("upgrade", (response, upstream, received) => {
        const raw = response.rawHeaders;
        const lines = raw.flatMap((name, n) => (n % 2 ? [] : [`${name}: ${raw[n + 1]}`]));
        socket.write(["HTTP/1.1 101 Switching Protocols", ...lines, "", ""].join("\r\n"));
        // What came in one packet with the handshake.
        socket.write(received);
        upstream.write(sent);
        upstream.on("error", () => socket.destroy());
        upstream.pipe(socket).pipe(upstream);
      });
      return onward.end();
    });
    await new Promise<void>((resolve) => proxy!.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  }

  async function polling(options: object = {}): Promise<WebSocketService> {
    const service = client(await start(), {
      ...{ channels: [CHANNEL], attemptsBeforePolling: 1 },
      ...options,
    });
    service.connect(token("alice"));
    await reaches(service, ConnectionStatus.POLLING);
    return service;
  }

  it("has the client poll: events, commands and snapshots come all the same", async () => {
    const service = await polling();
    const contents = heard(service);
    await says("bob", "by poll");
    await come(contents, 1);
    const payload = { content: "by HTTP" };
    const ack = await firstValueFrom(service.sendWithAck({ type: "message", channel: CHANNEL, payload }));
    expect(ack.payload.data.content).toBe("by HTTP");
    const { snapshot } = await firstValueFrom(service.subscribe("presence"));
    expect(snapshot).toHaveProperty("users");
    const busy = next(service.on("presence"), (one) => one.payload.status === "busy");
    const carol = client(); // on a socket: what is set while one is not connected is not announced
    carol.setPresence("busy");
    carol.connect(token("carol"));
    expect((await busy).payload.user_id).toBe("3");
    await come(contents, 2);
    expect(contents).toEqual(["by poll", "by HTTP"]);
    await expect(firstValueFrom(service.subscribe("conversation:conv_9"))).rejects.toMatchObject({
      code: "CHANNEL_NOT_FOUND",
    });
  });

  it("and no longer does gives the client its socket back, without a gap", async () => {
    const window = browser();
    const service = await polling();
    const contents = heard(service);
    await says("bob", "by poll");
    blocking = false;
    window.dispatchEvent(new Event("online")); // else it would try within half a minute
    await reaches(service, ConnectionStatus.CONNECTED);
    await says("bob", "by socket");
    await come(contents, 2);
    expect(contents).toEqual(["by poll", "by socket"]);
  });

  it("and does not, in turn, costs no event, and none comes twice", async () => {
    const window = browser();
    const service = await polling();
    const contents = heard(service);
    const wanted: string[] = [];
    for (let turn = 0; turn < 4; turn++) {
      const status = turn % 2 ? ConnectionStatus.POLLING : ConnectionStatus.CONNECTED;
      blocking = status === ConnectionStatus.POLLING;
      const reached = reaches(service, status);
      if (blocking) proxy!.closeAllConnections(); // polls that wait; sockets go with `upgraded`
      if (blocking) for (const socket of upgraded.splice(0)) socket.destroy();
      window.dispatchEvent(new Event("online"));
      for (let n = 0; n < 5; n++) {
        wanted.push(`${turn}.${n}`);
        await says("bob", `${turn}.${n}`);
      }
      await reached;
    }
    await come(contents, wanted.length);
    expect(contents).toEqual(wanted);
  });

  it("is told from a token that the server does not take", async () => {
    const service = client(await start());
    service.connect(`${token("alice")}x`);
    const state = await next(service.state$, ({ status }) => status === ConnectionStatus.ENDED);
    expect(state.error).toMatchObject({ code: "INVALID_TOKEN" });
  });
});
