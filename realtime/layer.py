"""This node's link to the others: hints and signals over the channel layer.

Without a layer that other processes share, or while it fails, nothing is lost:
the log is read by the clock, and signals stay within the node.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

from realtime import ephemeral, hints, metrics

logger = logging.getLogger("realtime.layer")

RETRY = 1.0
REJOIN_INTERVAL = 60.0
MAX_WAITING_SIGNALS = 1000

Message = dict[str, Any]


class LayerLink:
    """Sends what other nodes should know, and takes what they send.

    Args:
        node_id: this node, so that it knows its own signals.
        take_hint: called with each hint.
        take_signal: called with each signal of another node.
    """

    def __init__(
        self,
        node_id: UUID,
        take_hint: Callable[[Message], None],
        take_signal: Callable[[ephemeral.Signal], None],
    ) -> None:
        self._origin = str(node_id)
        self._take_hint = take_hint
        self._take_signal = take_signal
        self._layer = hints.shared_layer()
        self._logged = asyncio.Event()
        self._signals: asyncio.Queue[ephemeral.Signal] = asyncio.Queue(MAX_WAITING_SIGNALS)
        self._failing: set[str] = set()
        metrics.LAYER_UP.set(1)

    def jobs(self) -> list[Coroutine[Any, Any, None]]:
        """What the node has to run, as tasks; nothing where there is no shared layer."""
        if self._layer is None:
            return []
        return [
            self._listen(hints.GROUP, self._take_hint),
            self._listen(ephemeral.GROUP, self._receive_signal),
            self._announce(),
            self._send_signals(),
        ]

    @property
    def failing(self) -> bool:
        """There is a shared layer, and it does not work."""
        return bool(self._failing)

    def announce(self) -> None:
        """Tell the other nodes that the log has grown."""
        self._logged.set()

    def send(self, signal: ephemeral.Signal) -> None:
        """Send a signal to the other nodes; too many at once are dropped, as they may be."""
        if self._layer is not None and not self._signals.full():
            self._signals.put_nowait(signal)

    async def tell(self, hint: Message) -> None:
        """Send a hint to all nodes; nothing where there is no shared layer."""
        if self._layer is not None:
            await self._send(hints.GROUP, hint)

    def _worked(self, part: str) -> None:
        if part in self._failing:
            self._failing.discard(part)
            if not self._failing:
                logger.info("The channel layer works again")
        metrics.LAYER_UP.set(0 if self._failing else 1)

    def _failed(self, part: str, error: Exception) -> None:
        # One warning, however much fails and however long.
        if not self._failing:
            logger.warning(
                "The channel layer fails: events of other nodes arrive by the clock, signals not "
                "at all, until it works. %r",
                error,
            )
        self._failing.add(part)
        metrics.LAYER_UP.set(0)

    async def _announce(self) -> None:
        while True:
            await self._logged.wait()
            self._logged.clear()
            if not await self._send(hints.GROUP, hints.LOGGED):
                await asyncio.sleep(RETRY)

    async def _send_signals(self) -> None:
        while True:
            signal = await self._signals.get()
            await self._send(ephemeral.GROUP, ephemeral.as_message(signal, origin=self._origin))

    async def _send(self, group: str, message: Message) -> bool:
        assert self._layer is not None
        try:
            async with asyncio.timeout(hints.SEND_TIMEOUT):
                await self._layer.group_send(group, message)
        except Exception as error:
            self._failed(f"sending to {group}", error)
            return False
        self._worked(f"sending to {group}")
        return True

    def _receive_signal(self, message: Message) -> None:
        if (signal := ephemeral.from_message(message, node=self._origin)) is not None:
            self._take_signal(signal)

    async def _listen(self, group: str, take: Callable[[Message], None]) -> None:
        """Take messages from other processes; join the group again from time to time."""
        assert self._layer is not None
        while True:
            try:
                channel = await self._layer.new_channel()
                while True:
                    # Memberships expire, and Redis may have been flushed.
                    await self._layer.group_add(group, channel)
                    self._worked(f"receiving {group}")
                    await self._receive(channel, take)
            except Exception as error:
                self._failed(f"receiving {group}", error)
                await asyncio.sleep(RETRY)

    async def _receive(self, channel: str, take: Callable[[Message], None]) -> None:
        assert self._layer is not None
        try:
            async with asyncio.timeout(REJOIN_INTERVAL):
                while True:
                    take(await self._layer.receive(channel))
        except TimeoutError:
            pass
