"""The WebSocket shell: opens a socket, and moves frames between it and the session."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit, urlunsplit

import msgspec

from realtime.client.concurrency import run_with_helpers, wait_for_event
from realtime.client.outbox import Command
from realtime.client.refusals import (
    TokenRefusedError,
    UnavailableError,
    farewell,
    refusal,
    understood,
)
from realtime.client.session import Session
from realtime.client.timing import Backoff, Pace, Timing
from realtime.client.tokens import Tokens, renewal_delay
from realtime.protocol import ServerEnvelope

try:
    from websockets.asyncio.client import ClientConnection, connect
    from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
    from websockets.protocol import State
except ImportError as error:
    raise ImportError(
        "realtime.client needs websockets: pip install 'socialhub-realtime[client]'"
    ) from error

logger = logging.getLogger("realtime.client")

# A handshake with a longer query may be refused: its hello goes as a frame.
MAX_QUERY_CHARS = 4096
MAX_FRAME_BYTES = 16 * 1024 * 1024
CLOSE_SECONDS = 2.0
AUTHENTICATE_SECONDS = 10.0
LOOK_AT_CLOCK_SECONDS = 30.0
# Frames that are answers, and tell what time it is at the server.
CLOCKS = frozenset({"connect", "heartbeat"})
# The server takes 100 frames in a second.
BURST, FRAME_INTERVAL = 40, 1 / 50


def socket_url(base: str) -> str:
    """The URL of the socket of a site.

    Raises:
        ValueError: `base` is no site's.
    """
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError(f"Give a URL such as https://example.org, not {base!r}")
    scheme = "wss" if parts.scheme == "https" else "ws"
    return urlunsplit((scheme, parts.netloc, parts.path.rstrip("/") + "/ws", "", ""))


async def open_socket(base: str, session: Session, tokens: Tokens, timing: Timing) -> Socket:
    """Open a socket that goes on from where the session stands.

    Raises:
        UnavailableError: it does not work now.
        ClientEndedError: it never will.
    """
    hello = session.hello()
    query = urlencode({**hello, "channels": ",".join(hello["channels"])}, safe=",:")
    by_frame = len(query) > MAX_QUERY_CHARS
    url = socket_url(base) + ("" if by_frame else f"?{query}")
    while True:
        token = await tokens.current()
        try:
            connection = await _connect(url, token, timing)
        except TokenRefusedError as refused:
            await tokens.refused(token, refused.error)
        else:
            tokens.accepted()
            return Socket(connection, session, tokens, timing, by_frame=by_frame)


async def _connect(url: str, token: str, timing: Timing) -> ClientConnection:
    try:
        return await connect(
            url,
            additional_headers={"Authorization": f"Bearer {token}"},
            compression=None,
            max_size=MAX_FRAME_BYTES,
            open_timeout=timing.open_timeout,
            close_timeout=CLOSE_SECONDS,
            # The watchdog here knows when it is this side that does not read.
            ping_interval=None,
        )
    except InvalidStatus as refused:
        response = refused.response
        raise refusal(response.status_code, response.headers, bytes(response.body or b"")) from None
    except (OSError, TimeoutError, WebSocketException) as error:
        raise UnavailableError(repr(error)) from error


class Socket:
    """An open socket.

    Args:
        by_frame: the server has not been told where the session stands.
    """

    def __init__(
        self,
        connection: ClientConnection,
        session: Session,
        tokens: Tokens,
        timing: Timing,
        *,
        by_frame: bool,
    ) -> None:
        self._connection = connection
        self._session = session
        self._tokens = tokens
        self._timing = timing
        self._by_frame = by_frame
        self._heard = asyncio.Event()
        self._pace = Pace(BURST, FRAME_INTERVAL)

    async def serve(self, on_ready: Callable[[], None]) -> Exception:
        """Carry frames both ways until the socket ends; what its end means.

        Args:
            on_ready: called when all that was missed has come.
        """
        self._session.opened()
        try:
            if self._by_frame:
                await self._connection.send(self._session.rewind(), text=True)
            await run_with_helpers(self._read(on_ready), self._write(), self._beat(), self._renew())
        except ConnectionClosed:
            pass
        except UnavailableError as dead:
            self._connection.transport.abort()
            return dead
        finally:
            self._session.closed()
            await self.close()
        code = self._connection.close_code
        return farewell(code, self._connection.close_reason or "", self._session.goodbye)

    async def close(self) -> None:
        """Close it, within `CLOSE_SECONDS`."""
        await self._connection.close()

    async def _read(self, on_ready: Callable[[], None]) -> None:
        async for data in self._connection:
            self._heard.set()
            was_ready = self._session.ready
            with understood():
                frame = msgspec.json.decode(data, type=ServerEnvelope)
                await self._session.take(frame, time.monotonic())
            if frame.type in CLOCKS:
                self._tokens.server_says(frame.timestamp)
            if self._session.ready and not was_ready:
                on_ready()

    async def _write(self) -> None:
        outbox = self._session.outbox
        while True:
            outbox.work.clear()
            command = outbox.next()
            now = time.monotonic()
            if self._session.should_rewind:
                await self._send(self._session.rewind())
            elif command is None:
                await outbox.work.wait()
            elif delay := max(self._pace.delay(now), outbox.held_for(now)):
                await wait_for_event(outbox.work, delay)
            elif self._connection.state is State.OPEN:
                outbox.sent(command)
                await self._send(command.frame)
            else:
                return  # who reads will notice

    async def _send(self, frame: bytes) -> None:
        self._pace.count(time.monotonic())
        try:
            await self._connection.send(frame, text=True)
        except ConnectionClosed:
            pass  # who reads will notice

    async def _beat(self) -> None:
        """Ask now and then whether the server is there.

        Raises:
            UnavailableError: it says nothing at all.
        """
        heartbeat = msgspec.json.encode({"type": "heartbeat"})
        while True:
            await asyncio.sleep(self._timing.heartbeat)
            if self._session.waiting:
                continue  # it could not be heard
            self._heard.clear()
            try:
                async with asyncio.timeout(self._timing.heartbeat_timeout):
                    await self._send(heartbeat)
                    await self._heard.wait()
            except TimeoutError:
                if not self._session.waiting:
                    raise UnavailableError("the server does not answer") from None

    async def _renew(self) -> None:
        """Have the server take a new token before the old one ends."""
        backoff = Backoff(self._timing.delays)
        while self._tokens.renewable and (ends := self._tokens.expires_at) is not None:
            due = time.time() + renewal_delay(ends, time.time())
            while (left := due - time.time()) > 0 and self._tokens.expires_at == ends:
                # In short stretches: clocks are set, and machines sleep.
                await asyncio.sleep(min(left, LOOK_AT_CLOCK_SECONDS))
            if self._tokens.expires_at != ends:
                continue
            try:
                command = Command("authenticate", {"token": await self._tokens.renew()})
                self._session.outbox.add(command)
                await self._session.outbox.answer_to(command, AUTHENTICATE_SECONDS)
            except Exception as error:  # of the caller's own callback, too
                logger.warning("The token could not be renewed: %r", error)
                await asyncio.sleep(backoff.next())
            else:
                self._tokens.accepted()
                backoff.reset()
