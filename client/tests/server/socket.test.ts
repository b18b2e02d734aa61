import { firstValueFrom } from "rxjs";
import { describe, expect, inject, it } from "vitest";

import { ConnectionStatus, RequestError } from "../../src/index.js";
import { alice, api, browser, CHANNEL, client, come, CONVERSATION, heard, next, reaches, says, token } from "./people.js";
import { freePort, python, Site } from "./processes.js";

describe("on a socket", () => {
  it("events arrive", async () => {
    const service = await alice();
    const message = next(service.on("message"));
    await says("bob", "Hello!");
    expect(await message).toMatchObject({ channel: CHANNEL, payload: { content: "Hello!" } });
  });

  it("commands are acknowledged", async () => {
    const service = await alice();
    const id = crypto.randomUUID();
    const command = { type: "message", id, payload: { conversation_id: CONVERSATION, content: "Hi" } } as const;
    const { payload } = await firstValueFrom(service.sendWithAck(command));
    expect(payload).toMatchObject({ status: "success", data: { content: "Hi", sender_id: "1" } });
    const again = await firstValueFrom(service.sendWithAck(command));
    expect(again.payload.data.id).toBe(payload.data.id);
  });

  it("a refused command fails with the server's error", async () => {
    const service = await alice();
    const answer = firstValueFrom(
      service.sendWithAck({ type: "notification_read", payload: { notification_id: "notif_999" } }),
    );
    await expect(answer).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(answer).rejects.toBeInstanceOf(RequestError);
  });

  it("a channel gives its snapshot, however it is joined", async () => {
    const service = client();
    const before = service.subscribe("presence:1");
    service.connect(token("alice"));
    expect((await firstValueFrom(before)).snapshot).toMatchObject({ user_id: "1" });
    const after = await firstValueFrom(service.subscribe("feed:updates"));
    expect(after.snapshot).toHaveProperty("new_posts_count");
    expect(await firstValueFrom(service.unsubscribe("feed:updates"))).toEqual({ channel: "feed:updates" });
    await expect(firstValueFrom(service.subscribe("conversation:conv_999"))).rejects.toMatchObject({
      code: "CHANNEL_NOT_FOUND",
    });
  });

  it("a status that was set is the user's", async () => {
    const service = await alice();
    await firstValueFrom(service.subscribe("presence:1"));
    const told = next(service.on("presence"), ({ payload }) => payload.status === "busy");
    service.setPresence("busy");
    await told;
    service.setPresence("online");
  });
});

describe("a token", () => {
  it("is renewed on the open socket before it expires", async () => {
    const service = client(undefined, { getToken: async () => token("alice") });
    const statuses: ConnectionStatus[] = [];
    service.connect(token("alice", 20, Date.now() - 8_000)); // renewed 9 s from now
    service.status$.subscribe((status) => statuses.push(status));
    await reaches(service, ConnectionStatus.CONNECTED);
    const { payload } = await next(service.on("ack"));
    expect(payload.data).toMatchObject({ user_id: "1" });
    expect(statuses).not.toContain(ConnectionStatus.RECONNECTING);
  });

  it("that expires is the end where there is no other", async () => {
    const service = client();
    service.connect(token("alice", 20, Date.now() - 14_000));
    const state = await next(service.state$, ({ status }) => status === ConnectionStatus.ENDED);
    expect(state).toMatchObject({ closeCode: 4501, error: { code: "TOKEN_EXPIRED" } });
  });

  it("that the server does not take is the end, and says why", async () => {
    const service = client();
    service.connect(`${token("alice")}x`);
    const state = await next(service.state$, ({ status }) => status === ConnectionStatus.ENDED);
    expect(state.error).toMatchObject({ code: "INVALID_TOKEN", message: "invalid token" });
  });

  it("that the server does not take is replaced where there is another", async () => {
    const service = client(undefined, { getToken: async () => token("alice") });
    service.connect(`${token("alice")}x`);
    await reaches(service, ConnectionStatus.CONNECTED);
  });

  it("that is revoked on an open socket is replaced, too, and nothing is missed", async () => {
    // In whole seconds, as issued: one of the same second as the revocation is revoked with it.
    const getToken = async () => {
      await new Promise((resolve) => setTimeout(resolve, 1100));
      return token("bob");
    };
    const service = client(undefined, { getToken, channels: [CHANNEL] });
    service.connect(token("bob", 3600, Date.now() - 5000));
    await reaches(service, ConnectionStatus.CONNECTED);
    const recovered = next(service.recovered$);
    const contents = heard(service);
    python(inject("database"), "manage.py", "revoke_tokens", "bob");
    await next(service.status$, (status) => status !== ConnectionStatus.CONNECTED);
    await says("alice", "Are you there?");
    await recovered;
    await come(contents, 1);
    expect(contents).toEqual(["Are you there?"]);
  });
});

describe("a server that goes", () => {
  it("says so; the client comes back when there is one again", async () => {
    const port = await freePort();
    let server = await Site.start(inject("database"), port);
    const service = await alice(server.url);
    const goodbye = next(service.on("disconnect"));
    const lost = reaches(service, ConnectionStatus.RECONNECTING);
    await Promise.all([server.stop(), lost]);
    expect((await goodbye).payload).toMatchObject({ code: 4001, reconnect: true });
    server = await Site.start(inject("database"), port);
    try {
      await reaches(service, ConnectionStatus.CONNECTED);
    } finally {
      service.disconnect();
      await server.stop();
    }
  });

  it("and whose log is another one has the client fetch its state", async () => {
    const service = await alice();
    const resync = next(service.resync$);
    python(inject("database"), "manage.py", "new_epoch", "--no-input");
    await resync;
    const contents = heard(service);
    await says("bob", "In the new log");
    await come(contents, 1);
  });
});

it("one socket too many polls, and has a socket when there is room", async () => {
  const others = await Promise.all(Array.from({ length: 10 }, () => alice()));
  const window = browser();
  const service = client(undefined, { attemptsBeforePolling: 1, channels: [CHANNEL] });
  service.connect(token("alice"));
  await reaches(service, ConnectionStatus.POLLING);
  const contents = heard(service);
  await says("bob", "to all of you");
  await come(contents, 1);
  others[0]!.disconnect();
  window.dispatchEvent(new Event("online")); // else it would try within half a minute
  await reaches(service, ConnectionStatus.CONNECTED);
});

it("the same user's other devices are told what is read here", async () => {
  const [here, there] = [await alice(), await alice()];
  const told = next(there.on("notification_read_all"));
  here.send({ type: "notification_read_all" });
  expect((await told).payload.unread_count).toBe(0);
  const { unread_count } = await api<{ unread_count: number }>("alice", "notifications/unread-count");
  expect(unread_count).toBe(0);
});
