"""How bytes reach a socket, on uvicorn, daphne and any other ASGI server.

Writing never blocks and makes no task while the client keeps up: under
uvicorn with our protocol class the ready-made frame goes straight to the
transport; elsewhere ASGI's `send` is stepped by hand, and only if it really
suspends does a task go on with it. What then follows waits in a queue, up to a
limit.

All that reaches into a server's internals is here, each piece with the plain
ASGI way beside it.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Generator, MutableMapping
from http import HTTPStatus
from typing import Any, Protocol

from realtime.conf import conf
from realtime.errors import CloseCode, RealtimeError
from realtime.protocol import Burst, Frame, encode

logger = logging.getLogger("realtime.outbound")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

# The ASGI extension under which our uvicorn protocol offers its transport.
TRANSPORT_EXTENSION = "socialhub.transport"
CLOSE_TIMEOUT = 5.0
DRAIN_CHECK = 0.05
BEHIND_BYTES = 64 * 1024


class Transport(Protocol):
    """What a server lets us reach below ASGI."""

    def denied(self) -> None:
        """The handshake was answered with a refusal."""

    def write(self, wire: bytes) -> bool:
        """Send a ready-made frame now; False if that is not possible now."""

    def buffered(self) -> int:
        """Bytes that the client has not taken yet."""

    def close(self, code: CloseCode) -> bool:
        """Close with `code`, where ASGI's way is not good enough; False: it is."""

    def pause_reading(self) -> None:
        """Read no more from the client, where the server does not stop by itself."""

    def resume_reading(self) -> None:
        """Undo `pause_reading`."""

    def abort(self) -> None:
        """Drop the TCP connection at once."""


class DaphneTransport:
    """Daphne's protocol: its `send` never waits and its input queue has no bound."""

    def __init__(self, protocol: Any) -> None:
        self.protocol = protocol

    def denied(self) -> None:
        """Daphne is not told by ASGI; see `_deny_on_daphne`."""

    def write(self, wire: bytes) -> bool:
        # As autobahn's sendMessage does at its end; daphne agrees on no compression.
        protocol = self.protocol
        if protocol.state != protocol.STATE_OPEN or self.buffered() > BEHIND_BYTES:
            return False
        protocol.sendData(wire)
        return True

    def buffered(self) -> int:
        # twisted.internet.abstract.FileDescriptor
        transport = self.protocol.transport
        waiting = getattr(transport, "_tempDataLen", 0)
        return int(waiting + len(getattr(transport, "dataBuffer", b"")))

    def close(self, code: CloseCode) -> bool:
        if code is CloseCode.NORMAL or code.announced:
            return False
        # Autobahn lets applications send 1000 and 3000 to 4999 only, and daphne
        # passes all on to it; for its own 1011 it does as we do here.
        self.protocol.sendCloseFrame(code=int(code))
        return True

    def pause_reading(self) -> None:
        self.protocol.transport.pauseProducing()

    def resume_reading(self) -> None:
        self.protocol.transport.resumeProducing()

    def abort(self) -> None:
        self.protocol.transport.abortConnection()


def find_transport(scope: Scope, send: Send) -> Transport | None:
    """The server's transport behind this connection, where we know its kind."""
    offered: Transport | None = scope.get("extensions", {}).get(TRANSPORT_EXTENSION)
    if offered is not None:
        return offered
    protocol = _daphne_protocol(send)
    return DaphneTransport(protocol) if protocol is not None else None


def _daphne_protocol(send: Send) -> Any:
    """Daphne hands out `partial(server.handle_reply, protocol)` as `send`."""
    if isinstance(send, functools.partial) and send.args:
        protocol = send.args[0]
        if type(protocol).__module__ == "daphne.ws_protocol":
            return protocol
    return None


class SocketOutbound:
    """A socket's way out; see `connection.Outbound` for what its methods promise.

    Attributes:
        closed: nothing more can be sent.
        abandoned: the client did not even take the close; where the server
            offers no way to drop it, the consumer was cancelled.
    """

    __slots__ = (
        "_closer",
        "_consumer",
        "_queue",
        "_queued",
        "_send",
        "_sender",
        "_transport",
        "abandoned",
        "closed",
    )

    def __init__(self, scope: Scope, send: Send) -> None:
        self.closed = False
        self.abandoned = False
        self._consumer = asyncio.current_task()
        self._send = send
        self._transport = find_transport(scope, send)
        self._queue: deque[Frame] = deque()
        self._queued = 0
        self._sender: asyncio.Task[None] | None = None
        self._closer: asyncio.Task[None] | None = None

    @property
    def behind(self) -> bool:
        """Whether frames wait for the client."""
        return self._sender is not None or self.buffered > BEHIND_BYTES

    @property
    def buffered(self) -> int:
        """Bytes that the client has not taken yet, as far as we can see."""
        return self._queued + (self._transport.buffered() if self._transport else 0)

    def write(self, burst: Burst | Frame) -> bool:
        if self.closed:
            return True
        if (
            self._sender is None
            and self._transport is not None
            and self._transport.write(burst.wire)
        ):
            return True
        for frame in burst.frames:
            if self._sender is None:
                self._step(frame)
            else:
                self._queue.append(frame)
                self._queued += len(frame.data)
        return self.buffered <= conf().MAX_BUFFERED_BYTES

    def _step(self, frame: Frame) -> None:
        """Run `send` up to where it suspends; usually it does not."""
        sending = self._send({"type": "websocket.send", "text": frame.text})
        if not asyncio.iscoroutine(sending):
            self._sender = asyncio.create_task(self._drain(sending))
            return
        try:
            waiting = sending.send(None)
        except StopIteration:
            return
        except Exception as error:
            self._lost(error)
            return
        self._sender = asyncio.create_task(self._drain(_Resumed(sending, waiting)))

    async def _drain(self, sending: Awaitable[None]) -> None:
        try:
            await sending
            while self._queue:
                frame = self._queue.popleft()
                self._queued -= len(frame.data)
                await self._send({"type": "websocket.send", "text": frame.text})
        except Exception as error:
            self._lost(error)
        finally:
            self._sender = None

    def _lost(self, error: Exception) -> None:
        # The server says the same by a disconnect event, which ends the consumer.
        logger.debug("Client is gone: %r", error)
        self._forget_queue()
        self.closed = True

    def _forget_queue(self) -> None:
        self._queue.clear()
        self._queued = 0

    async def drained(self) -> None:
        if self._sender is not None:
            await asyncio.wait([self._sender])
        while (
            not self.closed
            and self._transport is not None
            and self._transport.buffered() > conf().MAX_BUFFERED_BYTES // 2
        ):
            await asyncio.sleep(DRAIN_CHECK)

    async def caught_up(self) -> None:
        while self.behind and not self.closed:
            if self._sender is not None:
                await asyncio.wait([self._sender])
            else:
                await asyncio.sleep(DRAIN_CHECK)

    def pause_reading(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._transport is not None and not self.closed:
            self._transport.resume_reading()

    def close(self, code: CloseCode, last: Frame | None) -> None:
        if self.closed or self._closer is not None:
            return
        if code is CloseCode.TOO_SLOW:
            self._forget_queue()
        if last is not None:
            self.write(last)
        self._closer = asyncio.create_task(self._close(code))

    async def _close(self, code: CloseCode) -> None:
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                if self._sender is not None:
                    await asyncio.wait([self._sender])
                self.closed = True
                if self._transport is None or not self._transport.close(code):
                    await self._send({"type": "websocket.close", "code": int(code)})
        except Exception as error:  # TimeoutError, too
            self._lost(error)
            self._abandon()
        finally:
            self.closed = True

    def _abandon(self) -> None:
        self.abandoned = True
        if self._transport is not None:
            self._transport.abort()  # the server will tell the consumer
        elif self._consumer is not None:
            self._consumer.cancel()


class _Resumed:
    """Awaits the rest of a coroutine whose first step has been made by hand."""

    def __init__(self, coroutine: Any, waiting: Any) -> None:
        self._coroutine = coroutine
        self._waiting = waiting

    def __await__(self) -> Generator[Any, Any, None]:
        waiting = self._waiting
        while True:
            try:
                value = yield waiting
            except BaseException as error:
                step = functools.partial(self._coroutine.throw, error)
            else:
                step = functools.partial(self._coroutine.send, value)
            try:
                waiting = step()
            except StopIteration:
                return


async def deny(scope: Scope, send: Send, error: RealtimeError) -> None:
    """Refuse a handshake with a real HTTP response.

    By ASGI's denial extension; daphne lacks it, so there the response is
    written by its protocol. Any other server can only say 403.
    """
    body = encode(error.as_object())
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if "retry_after" in error.details:
        headers["Retry-After"] = str(error.details["retry_after"])
    if "websocket.http.response" in scope.get("extensions", {}):
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send(
            {"type": "websocket.http.response.start", "status": error.status, "headers": raw}
        )
        await send({"type": "websocket.http.response.body", "body": body})
        if (offered := scope["extensions"].get(TRANSPORT_EXTENSION)) is not None:
            offered.denied()
    elif (protocol := _daphne_protocol(send)) is not None:
        _deny_on_daphne(protocol, error, headers, body)
    else:
        await send({"type": "websocket.close", "code": 1008})


def _deny_on_daphne(
    protocol: Any, error: RealtimeError, headers: dict[str, str], body: bytes
) -> None:
    # As daphne's serverReject does, but with our status, and a body.
    if not hasattr(protocol, "handshake_deferred"):
        return  # daphne has lost patience already
    del protocol.handshake_deferred
    # The 401 texts of the API reference are the reason phrases, too.
    reason = error.message if error.status == 401 else HTTPStatus(error.status).phrase
    protocol.sendHttpErrorResponse(
        error.status, reason, [*headers.items(), ("Connection", "close")]
    )
    protocol.sendData(body)
    protocol.dropConnection(abort=False)
    protocol.server.protocol_disconnected(protocol)
