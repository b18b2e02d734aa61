"""The client's end of the measured sockets: handshake, then counting."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from typing import cast

from benchmarks.frames import CLOSE, PING, PONG, TEXT, LoadError, client_frame, next_frame


class Audience:
    """What all sockets together have received.

    Args:
        size: how many sockets there are.
        on_complete: called with each event's number when the last socket has it.
        on_failure: called with what went wrong; the measurement is void then.
    """

    def __init__(
        self,
        size: int,
        on_complete: Callable[[int], None],
        on_failure: Callable[[str], None],
    ) -> None:
        self._size = size
        self._reached: list[int] = []
        self._on_complete = on_complete
        self.fail = on_failure

    def expect(self) -> int:
        """One more event is on its way; returns its number."""
        self._reached.append(0)
        return len(self._reached) - 1

    def received(self, before: int, after: int) -> None:
        """One socket's count has risen from `before` to `after`."""
        if after > len(self._reached):
            self.fail(f"a socket got {after} events, only {len(self._reached)} were published")
            return
        for number in range(before, after):
            self._reached[number] += 1
            if self._reached[number] == self._size:
                self._on_complete(number)


class Socket(asyncio.Protocol):
    """One client. Ready when its handshake was accepted and its greetings have come."""

    __slots__ = (
        "_audience", "_greetings", "_open", "_request", "_rest",
        "checksum", "closing", "count", "kept", "ready", "transport",
    )  # fmt: skip

    transport: asyncio.Transport

    def __init__(self, request: bytes, greetings: int, audience: Audience) -> None:
        self._request = request
        self._greetings = greetings
        self._audience = audience
        self._open = False
        self._rest = b""
        self.count = 0
        self.checksum = 0
        self.kept: list[bytes] | None = None
        self.closing = False
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do all that asyncio.Transport does, without being one.
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closing:
            self._fail(f"the server ended a connection: {exc}")

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
            self._rest = b""
        if self._greetings or not self._open:
            data = self._greet(data)
        at, before, size = 0, self.count, len(data)
        while at < size:
            frame = next_frame(data, at)
            if frame is None:
                self._rest = data[at:]
                break
            start, end = frame
            if data[at] == TEXT:
                self.count += 1
                self.checksum = zlib.adler32(
                    data if end - at == size else data[at:end], self.checksum
                )
                if self.kept is not None:
                    self.kept.append(data[start:end])
            else:
                self._control(data[at], data[start:end])
            at = end
        if self.count > before:
            self._audience.received(before, self.count)

    def _greet(self, data: bytes) -> bytes:
        """Take what comes before the first event; returns what follows it."""
        if not self._open:
            head, blank, rest = data.partition(b"\r\n\r\n")
            if not blank:
                self._rest = data
                return b""
            if not head.startswith(b"HTTP/1.1 101"):
                self._fail(f"handshake refused: {head[:200].decode('latin-1')!r}")
                return b""
            self._open, data = True, rest
        while self._greetings and (frame := next_frame(data, 0)):
            start, end = frame
            if data[0] != TEXT or b'"error"' in data[start:end]:
                self._fail(f"not a greeting: {data[start:end].decode(errors='replace')}")
                return b""
            self._greetings -= 1
            data = data[end:]
        if self._greetings:
            self._rest = data
            return b""
        if not self.ready.done():
            self.ready.set_result(None)
        return data

    def _control(self, first: int, payload: bytes) -> None:
        if first == PING:
            self.transport.write(client_frame(PONG, payload))
        elif first == CLOSE:
            self._fail(f"the server closed a connection with {int.from_bytes(payload[:2], 'big')}")
        elif first != PONG:
            self._fail(f"a frame that begins with 0x{first:02x}")

    def _fail(self, problem: str) -> None:
        if not self.ready.done():
            self.ready.set_exception(LoadError(problem))
        self._audience.fail(problem)
