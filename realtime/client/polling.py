"""The HTTP shell, for networks that let no WebSocket through: polls, and posts commands."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

import msgspec
from msgspec import UNSET

from realtime.client.concurrency import wait_for_event
from realtime.client.errors import ClientEndedError, CommandError
from realtime.client.outbox import Command
from realtime.client.refusals import (
    TokenRefusedError,
    UnavailableError,
    error_object,
    refusal,
    refused_hello,
    understood,
)
from realtime.client.session import Session
from realtime.client.timing import Backoff, Pace, Timing
from realtime.client.tokens import Tokens
from realtime.protocol import Connected, ErrorObject, PollAnswer, ServerEnvelope

try:
    import httpx
except ImportError as error:
    raise ImportError(
        "realtime.client needs httpx: pip install 'socialhub-realtime[client]'"
    ) from error

logger = logging.getLogger("realtime.client")

API = "/api/v1/realtime"
MAX_EVENTS = 100
# The frame is at fault, not the client.
FRAME_STATUSES = frozenset({400, 404, 413})
# What an answer may take beyond the time that a poll waits.
PATIENCE = 10.0
# The server takes 30 polls in a minute: 10 at once, and one in each 3 s.
BURST, POLL_INTERVAL = 10, 3.0


class Polling:
    """Receives by polls and sends by posts, from where the session stands.

    Args:
        base: the site's URL.
        on_working: called with whether it works, each time that is known anew.
    """

    def __init__(
        self,
        base: str,
        session: Session,
        tokens: Tokens,
        timing: Timing,
        on_working: Callable[[bool], None],
    ) -> None:
        self._session = session
        self._tokens = tokens
        self._timing = timing
        self._on_working = on_working
        self._pace = Pace(BURST, POLL_INTERVAL)
        self._http = httpx.AsyncClient(
            base_url=base.rstrip("/") + API, timeout=timing.poll + PATIENCE
        )
        self._waiting: asyncio.Timeout | None = None
        # Held while a command is on its way.
        self.sending = asyncio.Lock()

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    # --- receiving -----------------------------------------------------------------------

    async def receive(self) -> None:
        """Poll until cancelled.

        Raises:
            ClientEndedError: there is no token, or the server does not want this client.
        """
        backoff = Backoff(self._timing.delays)
        greeted = False
        while True:
            try:
                with understood():
                    if not greeted:
                        await self._say_hello()
                        greeted = True
                    await self._poll()
            except UnavailableError as error:
                self._on_working(False)
                logger.info("Polls fail: %s", error)
                await asyncio.sleep(backoff.next(error.retry_after))
            else:
                self._on_working(True)
                backoff.reset()

    def poll_again(self) -> None:
        """The channels are others than those that the waiting poll has named."""
        if self._waiting is not None:
            self._waiting.reschedule(asyncio.get_running_loop().time())

    async def _say_hello(self) -> None:
        """Learn whose client this is, where it begins, and which channels it may have."""
        payload = {"channels": list(self._session.channels)}
        frame = {"type": "connect", "payload": payload}
        try:
            answer = await self._answer(msgspec.json.encode(frame))
        except CommandError as refused:
            raise ClientEndedError(refused.code, refused.message, refused.details) from None
        if answer.type == "error":
            raise refused_hello(msgspec.convert(answer.payload, ErrorObject))
        self._session.take_hello(msgspec.convert(answer.payload, Connected))

    async def _poll(self) -> None:
        room = await self._session.room()
        await asyncio.sleep(self._pace.delay(time.monotonic()))
        self._pace.count(time.monotonic())
        channels = list(self._session.channels)
        position = self._session.tracker.position
        assert position is not None
        body = {
            "user_id": self._session.user_id,
            "last_poll_id": position.sequence,
            "epoch": position.epoch,
            "timeout": self._timing.poll,
            "limit": min(room, MAX_EVENTS),
            "channels": channels,
        }
        try:
            async with asyncio.timeout(None) as self._waiting:
                response = await self._post("/poll", msgspec.json.encode(body))
        except TimeoutError:
            return  # of `poll_again`; it has told nothing yet, and moved nothing
        finally:
            self._waiting = None
        if response.status_code == 404 and (lost := _channel_in(response)) is not None:
            self._session.refused(*lost)
        elif response.status_code == 200:
            self._session.take_poll(msgspec.json.decode(response.content, type=PollAnswer))
        else:
            raise _refusal(response)

    # --- sending --------------------------------------------------------------------------

    async def send(self) -> None:
        """Post the session's commands, one after another, until cancelled.

        Raises:
            ClientEndedError: see `receive`.
        """
        outbox = self._session.outbox
        backoff = Backoff(self._timing.delays)
        while True:
            outbox.work.clear()
            command = outbox.next()
            if command is None:
                await outbox.work.wait()
            elif delay := outbox.held_for(time.monotonic()):
                await wait_for_event(outbox.work, delay)
            else:
                async with self.sending:
                    worked = await self._carry(command, backoff)
                if worked:
                    backoff.reset()

    async def _carry(self, command: Command, backoff: Backoff) -> bool:
        outbox = self._session.outbox
        outbox.sent(command)
        try:
            await self._take(command)
        except UnavailableError as error:
            if error.reached and not command.repeatable:
                outbox.lost()
            else:
                until = time.monotonic() + backoff.next(error.retry_after)
                outbox.unsent(command, until=until)
            return False
        return True

    async def _take(self, command: Command) -> None:
        """Have the session take what answers the command."""
        try:
            answer = await self._answer(command.frame)
        except CommandError as refused:
            answer = _as_envelope(refused, command)
        with understood():
            await self._session.take(answer, time.monotonic())

    async def _answer(self, frame: bytes) -> ServerEnvelope:
        """The envelope that answers one from the client.

        Raises:
            CommandError: the frame is none that the server reads.
            UnavailableError, ClientEndedError: see `_post`.
        """
        response = await self._post("/send", frame)
        try:
            return msgspec.json.decode(response.content, type=ServerEnvelope)
        except msgspec.MsgspecError:
            error = error_object(response.content)
            if error is not None and response.status_code in FRAME_STATUSES:
                raise CommandError.of(error) from None
            raise _refusal(response) from None

    # --- both -----------------------------------------------------------------------------

    async def _post(self, path: str, body: bytes) -> httpx.Response:
        """The response to a request with the token, with another one if that is needed.

        Raises:
            UnavailableError: there is none.
            ClientEndedError: there is no other token.
        """
        while True:
            token = await self._tokens.current()
            response = await self._request(path, body, token)
            if response.status_code != 401:
                self._tokens.accepted()
                return response
            refused = _refusal(response)
            assert isinstance(refused, TokenRefusedError)
            await self._tokens.refused(token, refused.error)

    async def _request(self, path: str, body: bytes, token: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            return await self._http.post(path, content=body, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise UnavailableError(repr(error)) from error
        except httpx.TransportError as error:
            raise UnavailableError(repr(error), reached=True) from error


def _as_envelope(error: CommandError, command: Command) -> ServerEnvelope:
    """The error as the frame that a socket would have brought."""
    payload = {"code": error.code, "message": error.message, "details": error.details}
    envelope = ServerEnvelope(str(uuid4()), "error", payload, datetime.now(UTC))
    envelope.ack_id = command.ack_id or UNSET
    return envelope


def _refusal(response: httpx.Response) -> Exception:
    return refusal(response.status_code, response.headers, response.content)


def _channel_in(response: httpx.Response) -> tuple[str, ErrorObject] | None:
    """The channel that a poll may not have, and why."""
    error = error_object(response.content)
    channel = error.details.get("channel") if error is not None else None
    return (channel, error) if error is not None and isinstance(channel, str) else None
