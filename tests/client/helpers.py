"""What tests of the client share: quick timing, its statuses, and a way that can be blocked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from notifications.services import notify
from realtime.client import Client, ClientEndedError, Event, Events, Status, Timing
from tests.clients import PATIENCE, in_thread
from tests.faults.proxy import Balancer, Line
from tests.people import token_for
from tests.servers import Address

QUICK = Timing(delays=(0.02,), attempts=3, socket_retry=0.1, poll=5)
HEAD_BYTES = 64 * 1024


class Statuses:
    """Every status that a client has had; give it to the client as `on_status`."""

    def __init__(self) -> None:
        self.seen: list[Status] = []
        self._changed = asyncio.Event()

    def __call__(self, status: Status) -> None:
        self.seen.append(status)
        self._changed.set()

    async def until(self, status: Status, count: int = 1) -> None:
        """Return when `status` has been reached so many times."""
        async with asyncio.timeout(PATIENCE):
            while self.seen.count(status) < count:
                self._changed.clear()
                await self._changed.wait()


class PatientClient(Client):
    """A client that gives up connecting, as a test should."""

    async def connect(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await super().connect()


def client_of(server: str, user: Any, **options: Any) -> Client:
    """A quick client of `user`."""
    return PatientClient(server, **{"token": token_for(user), "timing": QUICK, **options})


async def take(events: Events) -> Event:
    """The next event."""
    return await asyncio.wait_for(anext(events), PATIENCE)


async def end_of(events: Events) -> ClientEndedError:
    """What the iterator ends with, after all that still comes."""
    try:
        while True:
            await take(events)
    except ClientEndedError as error:
        return error


async def take_messages(events: Events, count: int) -> list[str]:
    """The texts of the next notifications, which have to be notifications."""
    taken = [await take(events) for _ in range(count)]
    return [event.payload["message"] for event in taken]


async def tell(user: Any, *texts: str) -> None:
    """Notify `user`, in one thread and in this order."""

    def all_of_them() -> None:
        for text in texts:
            notify(user, "like", text)

    await in_thread(all_of_them)


@asynccontextmanager
async def line_to(server: Address) -> AsyncIterator[Line]:
    """A way to the server that can be cut, or fall silent."""
    line = Line(Balancer([server.port]))
    await line.open()
    try:
        yield line
    finally:
        line.close()


def url_of(line: Line) -> str:
    """Where a client reaches the server by this line."""
    return f"http://127.0.0.1:{line.port}"


class Gate:
    """A proxy in front of the server, as some networks have one.

    Attributes:
        blocked: it lets no WebSocket through.
        mute: nothing that the server says comes through.
        handshakes: the head of each that came.
        polls: how many came.
    """

    def __init__(self, server: Address) -> None:
        self.blocked = True
        self.mute = False
        self.handshakes: list[bytes] = []
        self.polls = 0
        self.url = ""
        self._server = server
        self._writers: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Cut all connections."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self._writers.add(writer)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if b"upgrade: websocket" in head.lower():
                self.handshakes.append(head)
                if self.blocked:
                    writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
                    await writer.drain()
                    return
            self._count(head)
            upstream = await asyncio.open_connection("127.0.0.1", self._server.port)
            self._writers.add(upstream[1])
            upstream[1].write(head)
            await self._carry((reader, writer), upstream)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self._writers.discard(writer)

    def _count(self, data: bytes) -> bool:
        self.polls += data.count(b"POST /api/v1/realtime/poll ")
        return True

    def _lets_through(self, data: bytes) -> bool:
        return not self.mute

    async def _carry(
        self,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        pumps = [
            asyncio.create_task(_pump(client[0], server[1], self._count)),
            asyncio.create_task(_pump(server[0], client[1], self._lets_through)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            server[1].close()
            self._writers.discard(server[1])


async def _pump(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    lets_through: Callable[[bytes], bool],
) -> None:
    try:
        while data := await reader.read(HEAD_BYTES):
            if lets_through(data):
                writer.write(data)
                await writer.drain()
    except OSError:
        pass


@asynccontextmanager
async def gate_to(server: Address) -> AsyncIterator[Gate]:
    """A gate, blocked."""
    gate = Gate(server)
    listener = await asyncio.start_server(gate.take, "127.0.0.1", 0, limit=HEAD_BYTES)
    gate.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield gate
    finally:
        listener.close()
        gate.cut()
