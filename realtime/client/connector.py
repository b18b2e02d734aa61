"""Staying connected: by a socket where one can be had, by polls else.

Attempts are counted and paused between, as the API reference says; what the server
says of its own accord (go, wait, do not come back) comes first.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

from realtime.client.concurrency import run_with_helpers
from realtime.client.errors import ClientEndedError
from realtime.client.polling import Polling
from realtime.client.refusals import TokenRefusedError, UnavailableError
from realtime.client.session import Session
from realtime.client.socket import Socket, open_socket
from realtime.client.status import Status
from realtime.client.timing import Backoff, Timing
from realtime.client.tokens import Tokens

logger = logging.getLogger("realtime.client")


class Connector:
    """Connects a session, again and again.

    Args:
        url: the site.
        on_status: called with each status; the same one may come twice.
        on_ready: called when a connection has said all that was missed.
    """

    def __init__(
        self,
        url: str,
        session: Session,
        tokens: Tokens,
        timing: Timing,
        *,
        on_status: Callable[[Status], None],
        on_ready: Callable[[], None],
    ) -> None:
        self._url = url
        self._session = session
        self._tokens = tokens
        self._timing = timing
        self._on_status = on_status
        self._on_ready = on_ready
        self._backoff = Backoff(timing.delays)
        self._polling: Polling | None = None
        self._is_polling = False

    def channels_changed(self) -> None:
        """The session's channels are others than a moment ago."""
        if self._polling is not None:
            self._polling.poll_again()

    async def run(self) -> None:
        """Stay connected until cancelled.

        Raises:
            ClientEndedError: there is no token, or the server does not want this client.
        """
        self._backoff.reset()
        while True:
            try:
                socket = await self._open()
            except UnavailableError as error:
                logger.info("Connecting failed: %s", error)
                delay = self._backoff.next(error.retry_after)
                if self._backoff.failures < self._timing.attempts:
                    await asyncio.sleep(delay)
                    continue
                socket = await self._poll()
                self._backoff.reset()
            self._on_status(Status.CONNECTED)
            end = await socket.serve(self._said_all)
            self._on_status(Status.RECONNECTING)
            await asyncio.sleep(self._pause(end))

    def _said_all(self) -> None:
        self._backoff.reset()
        self._on_ready()

    def _pause(self, end: Exception) -> float:
        """The seconds to wait after a socket has ended.

        Raises:
            ClientEndedError: there is nothing to wait for.
        """
        logger.info("The socket has ended: %s", end)
        if isinstance(end, ClientEndedError):
            raise end
        if isinstance(end, TokenRefusedError) and not self._tokens.renewable:
            raise end.error
        if isinstance(end, UnavailableError) and end.retry_after is not None:
            return end.retry_after
        return self._backoff.next()

    async def _open(self) -> Socket:
        return await open_socket(self._url, self._session, self._tokens, self._timing)

    async def _poll(self) -> Socket:
        """Poll until a socket can be opened again."""
        self._session.opened()
        self._polling = polling = Polling(
            self._url, self._session, self._tokens, self._timing, self._on_polls
        )
        try:
            return await run_with_helpers(self._reopen(polling), polling.receive(), polling.send())
        finally:
            self._polling = None
            self._is_polling = False
            self._session.closed()
            await polling.close()

    async def _reopen(self, polling: Polling) -> Socket:
        while True:
            await asyncio.sleep(self._timing.socket_retry * random.uniform(0.5, 1))
            try:
                socket = await self._open()
            except UnavailableError:
                continue
            try:
                async with polling.sending:  # what is on its way gets its answer
                    return socket
            except asyncio.CancelledError:
                await socket.close()
                raise

    def _on_polls(self, working: bool) -> None:
        if working:
            self._on_status(Status.POLLING)
        elif self._is_polling:
            self._on_status(Status.RECONNECTING)
        self._is_polling = working
