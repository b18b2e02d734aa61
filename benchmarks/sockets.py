"""A WebSocket client on a bare asyncio protocol: as little of its own time as Python allows.

It speaks to the benchmark's own server on loopback, uncompressed, and takes text frames
in one piece, which is what the server sends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from benchmarks.processes import HOST, BenchmarkError

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
FIN = 0x80
MASKED = 0x80
# A mask of zeros is one, and leaves the payload as it is.
MASK = bytes(4)


class Socket(asyncio.Protocol):
    """One open socket.

    Args:
        request: the opening request.
        on_text: called with the payload of each text frame.
    """

    def __init__(self, request: bytes, on_text: Callable[[bytes], None]) -> None:
        self._request = request
        self._on_text = on_text
        self._buffer = b""
        self._open = False
        self._transport: asyncio.Transport | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def send(self, payload: bytes) -> None:
        """Send a text frame."""
        assert self._transport is not None
        self._transport.write(_frame(TEXT, payload))

    def close(self) -> None:
        """Leave, without a closing handshake."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail("the server closed a socket")

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if not self._open and not self._upgraded():
            return
        try:
            self._read_frames()
        except BenchmarkError as error:
            self._fail(str(error))

    def _upgraded(self) -> bool:
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return False
        if not head.startswith(b"HTTP/1.1 101 "):
            self._fail(f"a handshake was refused: {head[:80]!r}")
            return False
        self._open, self._buffer = True, rest
        return True

    def _read_frames(self) -> None:
        data, at = self._buffer, 0
        while len(data) - at >= 2:
            size, begin = data[at + 1], at + 2
            if size >= 126:
                wide = 2 if size == 126 else 8
                if len(data) < begin + wide:
                    break
                size, begin = int.from_bytes(data[begin : begin + wide]), begin + wide
            if len(data) < begin + size:
                break
            self._take(data[at] & 0x0F, data[begin : begin + size])
            at = begin + size
        self._buffer = data[at:]

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == TEXT:
            self._on_text(payload)
        elif opcode == PING and self._transport is not None:
            self._transport.write(_frame(PONG, payload))
        elif opcode == CLOSE:
            raise BenchmarkError(f"the server closed a socket: {payload!r}")

    def _fail(self, reason: str) -> None:
        if not self.ended.done():
            self.ended.set_exception(BenchmarkError(reason))


def _frame(opcode: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((FIN | opcode, MASKED | size)) + MASK + payload
    return bytes((FIN | opcode, MASKED | 126)) + size.to_bytes(2) + MASK + payload


async def open_socket(port: int, request: bytes, on_text: Callable[[bytes], None]) -> Socket:
    """Connect; frames come from then on.

    Raises:
        OSError: nobody listens.
    """
    loop = asyncio.get_running_loop()
    _, socket = await loop.create_connection(lambda: Socket(request, on_text), HOST, port)
    return socket
