"""One client, two transports: a scenario says what happens, not how it travels."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from notifications.services import notify
from realtime import registry
from tests.clients import PATIENCE, Frame, Poller, Socket, in_thread

SENTINEL = "sentinel"


class Client:
    """A user's client as scenarios use it.

    Attributes:
        user: whose it is.
        sent: the types of the commands that it has sent.
        received: the types of the frames that have reached it.
    """

    def __init__(self, user: Any) -> None:
        self.user = user
        self.sent: set[str] = set()
        self.received: set[str] = set()

    async def ask(self, type: str, payload: Frame | None = None, **envelope: Any) -> Frame:
        """Send a command: the frame that answers it."""
        self.sent.add(type)
        answer = await self._ask(type, payload, **envelope)
        self.received.add(answer["type"])
        return answer

    async def call(self, type: str, payload: Frame | None = None, **envelope: Any) -> Frame:
        """Carry out a command: the data of its ack, or the error object."""
        answer = await self.ask(type, payload, **envelope)
        data: Frame = answer["payload"]
        return data["data"] if answer["type"] == "ack" else data

    async def join(self, channel: str) -> Frame:
        """Subscribe to a channel: its snapshot."""
        data = await self.call("subscribe", {"channel": channel})
        assert data.get("channel") == channel, data
        snapshot: Frame = data["snapshot"]
        return snapshot

    async def next_event(self) -> Frame:
        """The next event that nobody asked for, as an envelope on either transport."""
        async with asyncio.timeout(PATIENCE):
            frame = await self._next_event()
        self.received.add(frame["type"])
        return frame

    async def next_of(self, *types: str) -> Frame:
        """The next event of one of these types."""
        while (event := await self.next_event())["type"] not in types:
            pass
        return event

    async def listen(self) -> None:
        """Be there for what is not logged: a poll hears it only while it waits.

        Needs `@pytest.mark.options(MAX_WAITING_POLLS=1)`.
        """

    async def come_back(self, last_sequence: int) -> Frame:
        """Go on from a position that the log does not reach: where to go on instead."""
        raise NotImplementedError

    async def go_back(self, last_sequence: int) -> None:
        """Go on from a position that was passed before: what came after it comes again."""
        raise NotImplementedError

    async def end(self) -> str:
        """The server has ended it: the reason that it gave."""
        raise NotImplementedError

    async def _ask(self, type: str, payload: Frame | None, **envelope: Any) -> Frame:
        raise NotImplementedError

    async def _next_event(self) -> Frame:
        raise NotImplementedError

    def _rest(self) -> list[Frame]:
        """What has come and was not looked at."""
        raise NotImplementedError


class SocketClient(Client):
    """Over a WebSocket."""

    def __init__(self, user: Any, socket: Socket) -> None:
        super().__init__(user)
        self._socket = socket
        self._unread: list[Frame] = []

    async def come_back(self, last_sequence: int) -> Frame:
        reply = await self.ask("connect", {"last_sequence": last_sequence})
        assert reply["payload"]["recovered"] is False
        told: Frame = (await self.next_of("resync"))["payload"]
        return told

    async def go_back(self, last_sequence: int) -> None:
        reply = await self.ask("connect", {"last_sequence": last_sequence})
        assert reply["payload"]["recovered"] is True

    async def end(self) -> str:
        code, before = await self._socket.closed()
        goodbye = before[-1]["payload"]
        assert before[-1]["type"] == "disconnect"
        assert goodbye["code"] == code
        self.received.add("disconnect")
        return str(goodbye["reason"])

    async def _ask(self, type: str, payload: Frame | None, **envelope: Any) -> Frame:
        seen = len(self._socket.seen)
        answer = await self._socket.ask(type, payload, **envelope)
        self._unread += self._socket.seen[seen:-1]
        return answer

    async def _next_event(self) -> Frame:
        return self._unread.pop(0) if self._unread else await self._socket.receive()

    def _rest(self) -> list[Frame]:
        return self._unread


class PollClient(Client):
    """Over HTTP: events by polls, commands by `POST realtime/send`."""

    def __init__(self, user: Any, poller: Poller) -> None:
        super().__init__(user)
        self._poller = poller
        self._unread: list[Frame] = []
        self._joined: set[str] = set()
        self._waiting: asyncio.Task[httpx.Response] | None = None

    async def come_back(self, last_sequence: int) -> Frame:
        self._poller.position = last_sequence
        answer = self._take(await self._poll())
        assert answer["resync"] is True
        assert answer["events"] == []
        self.received.add("resync")
        return {"last_sequence": answer["last_poll_id"], "epoch": answer["epoch"]}

    async def go_back(self, last_sequence: int) -> None:
        self._poller.position = last_sequence

    async def end(self) -> str:
        assert self._waiting is not None, "listen first"
        response = await asyncio.wait_for(self._waiting, PATIENCE)
        assert response.status_code == 401, response.text
        self.received.add("disconnect")
        return str(response.json()["details"]["reason"])

    async def listen(self) -> None:
        # Of two polls the one that comes second ends the other as it begins to wait.
        while self._waiting is None:
            polls = [asyncio.create_task(self._poll()) for _ in range(2)]
            ended, waiting = await asyncio.wait(
                polls, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED
            )
            answer = self._take(ended.pop().result())
            if waiting and not answer["events"] and "channels" not in answer:
                self._waiting = waiting.pop()
            for poll in waiting:  # answered at once, like the other
                poll.cancel()

    def close(self) -> None:
        """Poll no more."""
        if self._waiting is not None:
            self._waiting.cancel()

    async def _ask(self, type: str, payload: Frame | None, **envelope: Any) -> Frame:
        answer = await self._poller.ask(type, payload, **envelope)
        if answer["type"] == "ack":
            # A client that polls follows by naming what polls do not bring anyway.
            channel = answer["payload"]["data"].get("channel", "")
            if type == "subscribe" and not registry.is_polled(channel):
                self._joined |= {channel}
            elif type == "unsubscribe":
                self._joined -= {channel}
        return answer

    async def _next_event(self) -> Frame:
        while not self._unread:
            waiting, self._waiting = self._waiting, None
            self._take(await (waiting or self._poll()))
        return self._unread.pop(0)

    def _rest(self) -> list[Frame]:
        return self._unread

    async def _poll(self) -> httpx.Response:
        return await self._poller.ask_for_events(channels=",".join(sorted(self._joined)))

    def _take(self, response: httpx.Response) -> Frame:
        answer = self._poller.take(response)
        self._unread += [_as_frame(event) for event in answer["events"]]
        return answer


def _as_frame(event: Frame) -> Frame:
    """An event of a poll as the envelope that a socket is sent."""
    names = ("type", "channel", "payload", "timestamp", "sequence")
    found = {name: event[name] for name in names if event[name] is not None}
    return {"id": event["event_id"], **found}


async def heard_nothing(*clients: Client) -> None:
    """Nothing has reached these clients: a notification of their own comes next.

    What was sent to anybody before is behind us: of one log, in its order.
    """
    for user in {client.user for client in clients}:
        await in_thread(notify, user, SENTINEL, "Nothing before this")
    for client in clients:
        event = await client.next_event()
        assert event["payload"].get("type") == SENTINEL, event
        assert client._rest() == []
