"""One client, two transports: each scenario runs over both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import pytest

from tests.clients import Frame, Poller, Socket, open_poller, open_socket
from tests.servers import Address

REST: dict[str, Callable[[Frame], str]] = {
    "notification_read": lambda payload: f"notifications/{payload['notification_id']}/read",
    "notification_read_all": lambda payload: "notifications/read-all",
}


class Client(Protocol):
    """A client as scenarios use it."""

    async def next_event(self) -> Frame:
        """The next logged event: id, type, payload, channel, sequence, timestamp."""

    async def call(self, type: str, payload: Frame | None = None) -> Frame:
        """Carry out a command: its data, or the error object."""


class SocketClient:
    """Over a WebSocket."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._unread: list[Frame] = []

    async def next_event(self) -> Frame:
        return self._unread.pop(0) if self._unread else await self._socket.receive()

    async def call(self, type: str, payload: Frame | None = None) -> Frame:
        seen = len(self._socket.seen)
        answer = await self._socket.ask(type, payload)
        self._unread += self._socket.seen[seen:-1]
        data: Frame = answer["payload"]
        return data["data"] if answer["type"] == "ack" else data


class PollClient:
    """Over HTTP."""

    def __init__(self, poller: Poller) -> None:
        self._poller = poller
        self._unread: list[Frame] = []

    async def next_event(self) -> Frame:
        if not self._unread:
            self._unread = await self._poller.events(1)
        event = self._unread.pop(0)
        return {**event, "id": event["event_id"]}

    async def call(self, type: str, payload: Frame | None = None) -> Frame:
        path = REST[type](payload or {})
        answer: Frame = (await self._poller.http.post(f"/api/v1/{path}")).json()
        return answer


Connect = Callable[[Any], AbstractAsyncContextManager[Client]]


@pytest.fixture(params=["socket", "poll"])
def connect(request: pytest.FixtureRequest, server: Address) -> Connect:
    """Opens a client for a user."""

    @asynccontextmanager
    async def open_client(user: Any) -> AsyncIterator[Client]:
        if request.param == "socket":
            async with open_socket(server, user) as socket:
                await socket.silence()
                yield SocketClient(socket)
        else:
            async with open_poller(server, user) as poller:
                yield PollClient(poller)

    return open_client
