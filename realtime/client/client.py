"""The client: connects, stays connected, and is what programs use."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from realtime.client.buffer import Events
from realtime.client.connector import Connector
from realtime.client.errors import ClientEndedError
from realtime.client.outbox import Command
from realtime.client.position import Position
from realtime.client.session import Session
from realtime.client.socket import socket_url
from realtime.client.status import Status
from realtime.client.timing import Timing
from realtime.client.tokens import GetToken, Tokens

logger = logging.getLogger("realtime.client")

OPEN = frozenset({Status.CONNECTED, Status.POLLING})
# What a client sends by itself.
RESERVED = frozenset({"authenticate", "connect", "disconnect", "subscribe", "unsubscribe"})
# How long `disconnect` waits for what was sent to be answered.
SETTLE_SECONDS = 5.0


class Client:
    """A client of one user.

        async with Client("https://example.org", token=token) as client:
            async for event in client:
                print(event.type, event.payload)

    Args:
        url: the site, `https://example.org`; the socket is at `/ws` below it.
        token: the user's token.
        get_token: gives one when there is none or when it ends. What it raises counts
            as a failed attempt, but for `AuthenticationError`: that ends the client.
        position: where to go on, as another client's `position` was; None: begin with
            what happens next.
        channels: what to subscribe to at once, so that what was missed there since
            `position` comes, too.
        on_status: called with each new status. It is not to block.
        max_events: how many events may wait to be taken. Beyond that the socket is
            not read; while an answer is expected, events pass by, and are
            asked for again from the server's log.
        max_queue: how many commands may wait to be sent or answered.
        timing: intervals.

    Raises:
        ValueError: there is neither token nor `get_token`, or the URL is none.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        get_token: GetToken | None = None,
        position: Position | None = None,
        channels: Iterable[str] = (),
        on_status: Callable[[Status], None] | None = None,
        max_events: int = 1000,
        max_queue: int = 1000,
        timing: Timing | None = None,
    ) -> None:
        socket_url(url)  # or it is none
        self._tokens = Tokens(token, get_token)
        self._session = Session(
            position, list(channels), max_events=max_events, max_queue=max_queue
        )
        self._connector = Connector(
            url,
            self._session,
            self._tokens,
            timing or Timing(),
            on_status=self._set,
            on_ready=self._said_all,
        )
        self._on_status = on_status
        self._status = Status.DISCONNECTED
        self._runner: asyncio.Task[None] | None = None
        self._opened = asyncio.Event()
        self._error: ClientEndedError | None = None

    # --- what there is to know -----------------------------------------------------------

    @property
    def status(self) -> Status:
        """How the client is connected."""
        return self._status

    @property
    def position(self) -> Position | None:
        """Everything up to here was taken from each open iterator.

        Keep it after an event has been dealt with, and give it to the next client:
        it goes on from there. None before the first `connect`.
        """
        return self._session.buffer.position

    @property
    def channels(self) -> frozenset[str]:
        """What the client is subscribed to."""
        return frozenset(self._session.channels)

    @property
    def user_id(self) -> str | None:
        """Whose client it is, once there was a connection.

        Till the server says so, behind all that was missed, it is what the token says.
        """
        return self._session.user_id or self._tokens.user_id

    # --- coming and going ------------------------------------------------------------------

    async def connect(self) -> None:
        """Connect, and stay connected until `disconnect`.

        Returns once there is a connection, however many attempts that takes:
        use `asyncio.timeout` for a limit.

        Raises:
            ClientEndedError: the server does not take the token, or this client.
            RuntimeError: it is connected, or about to be.
        """
        if self._error is not None:
            raise self._error
        if self._runner is not None:
            raise RuntimeError("This client is connected already")
        self._opened.clear()
        self._session.buffer.begin()
        self._set(Status.CONNECTING)
        self._runner = asyncio.create_task(self._run(), name="realtime.client")
        try:
            await self._opened.wait()
        except BaseException:
            await self._stop()
            raise
        if self._error is not None:
            raise self._error
        if self._status is Status.DISCONNECTED:
            raise ClientEndedError("DISCONNECTED", "disconnected meanwhile")

    async def disconnect(self) -> None:
        """Have what was sent answered, within 5 s, and close the connection.

        Iterators end when they have given what has come. `connect` may be called again.
        """
        if self._status in OPEN:
            try:
                async with asyncio.timeout(SETTLE_SECONDS):
                    await self._session.outbox.settled()
            except TimeoutError:
                pass
        await self._stop()

    async def _stop(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.cancel()
            await asyncio.wait([runner])
        if self._status is not Status.ENDED:
            self._finish(Status.DISCONNECTED, None)

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc is None:
            await self.disconnect()
        else:
            await self._stop()

    # --- channels ----------------------------------------------------------------------------

    async def subscribe(self, channel: str, *, timeout: float = 10) -> dict[str, Any]:
        """Subscribe to `channel`, until `unsubscribe`, over all reconnects.

        Should the right to it end, a `channel_lost` event says so.

        Args:
            timeout: seconds to wait for the answer, also while there is no connection.

        Returns:
            The channel's snapshot.

        Raises:
            CommandError: CHANNEL_NOT_FOUND, there is none, or it is not the user's to join.
            ClientError: there was no answer; the channel is not subscribed to.
        """
        with self._session.joining(channel):
            self._connector.channels_changed()
            command = Command("subscribe", {"channel": channel})
            snapshot: dict[str, Any] = (await self._ask(command, timeout))["snapshot"]
            return snapshot

    async def unsubscribe(self, channel: str, *, timeout: float = 10) -> None:
        """Leave `channel`: no more of its events come.

        Raises:
            ClientError: the server has not answered.
        """
        self._session.channels.pop(channel, None)
        self._connector.channels_changed()
        await self._ask(Command("unsubscribe", {"channel": channel}), timeout)

    # --- events ------------------------------------------------------------------------------

    def __aiter__(self) -> Events:
        return self.events()

    def events(self, *types: str) -> Events:
        """An iterator over the events of these types, or over all.

        It begins with the oldest event that is still kept: those that the iterators
        open by now have taken, or have no use for, are not. Each iterator gets every
        event, and the slowest one decides how many have to be kept.

        Beside those of docs/protocol.md there are `resync` (the log does not reach back:
        fetch state by REST), `channel_lost` (`channel` is no longer subscribed to, the
        payload is the error object) and `error` (what `send` has sent was refused).
        """
        return self._session.buffer.open(frozenset(types))

    # --- commands ----------------------------------------------------------------------------

    async def send(
        self, type: str, payload: dict[str, Any] | None = None, *, channel: str | None = None
    ) -> None:
        """Send a frame; while there is no connection it waits in the queue.

        A `message` is sent again until the server has it, and is said once. Anything else
        is sent at most once.

        Raises:
            QueueFullError: there is no connection, and the queue is full.
            ClientEndedError: there will be none.
        """
        _check(type)
        await self._add(Command(type, payload, channel=channel, wants_answer=False))

    async def send_with_ack(
        self,
        type: str,
        payload: dict[str, Any] | None = None,
        *,
        channel: str | None = None,
        id: UUID | None = None,
        timeout: float = 10,
    ) -> Any:
        """Send a frame, and wait until it has taken effect.

        Args:
            id: the frame's id, a new one by default. A `message` that is sent again
                under the same id is said once.
            timeout: seconds to wait, also while there is no connection.

        Returns:
            The data of the server's ack.

        Raises:
            CommandError: the server has refused it.
            AckTimeoutError: it has not answered in time.
            ConnectionLostError: the answer went with the connection (never for `message`).
            QueueFullError: there is no connection, and the queue is full.
            ClientEndedError: there will be none.
        """
        _check(type)
        command = Command(type, payload, channel=channel, id=str(id) if id else None)
        return await self._ask(command, timeout)

    async def _ask(self, command: Command, seconds: float) -> Any:
        await self._add(command)
        return await self._session.outbox.answer_to(command, seconds)

    async def _add(self, command: Command) -> None:
        outbox = self._session.outbox
        while outbox.full and self._status in OPEN:
            await outbox.change()
        if self._error is not None:
            raise self._error
        outbox.add(command)

    # --- status ------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            await self._connector.run()
        except ClientEndedError as error:
            self._finish(Status.ENDED, error)
        except Exception as error:
            logger.exception("The client has failed")
            failure = ClientEndedError("CLOSED", f"The client has failed: {error!r}")
            failure.__cause__ = error
            self._finish(Status.ENDED, failure)

    def _set(self, status: Status) -> None:
        if status is self._status:
            return
        self._status = status
        if status in OPEN and self._session.tracker.position is not None:
            self._opened.set()  # else with the reply that says where it begins
        self._session.outbox.notify()
        if self._on_status is not None:
            try:
                self._on_status(status)
            except Exception:
                logger.exception("on_status failed")

    def _said_all(self) -> None:
        self._opened.set()

    def _finish(self, status: Status, error: ClientEndedError | None) -> None:
        self._error = error
        self._session.outbox.end(error or ClientEndedError("DISCONNECTED", "disconnected"))
        self._session.buffer.end(error)
        self._set(status)
        self._opened.set()


def _check(type: str) -> None:
    if type in RESERVED:
        raise ValueError(f"The client sends {type} by itself: see its methods")
