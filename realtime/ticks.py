"""Ticks: what each subscriber of a topic is told after its events, at most once a second."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from realtime import database, ephemeral, registry
from realtime.database import Work
from realtime.hub import Hub

logger = logging.getLogger("realtime.ticks")

TICK_SECONDS = 1.0


class Ticks:
    """The ticks of one node.

    Args:
        hub: whose topics they follow.
        spawn: runs a coroutine as a task of the node.
    """

    def __init__(self, hub: Hub, spawn: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        self._hub = hub
        self._spawn = spawn
        self._changed: dict[str, asyncio.Event] = {}

    def topic_changed(self, topic: str) -> None:
        """An event of a public topic was handed out."""
        if (tick := registry.find_tick(topic)) is None:
            return
        if topic not in self._changed:
            self._changed[topic] = asyncio.Event()
            self._spawn(self._run(tick, self._changed[topic]))
        self._changed[topic].set()

    async def _run(self, tick: registry.Tick, changed: asyncio.Event) -> None:
        while True:
            await changed.wait()
            changed.clear()
            try:
                await self._tell(tick)
            except Exception as error:
                logger.warning("%s could not be told: %s", tick.frame_type, error)
            await asyncio.sleep(TICK_SECONDS)

    async def _tell(self, tick: registry.Tick) -> None:
        user_ids = self._hub.subscribers.topic_users(tick.topic)
        payloads = await database.run(Work.APPS, tick.payloads, user_ids)
        for user_id, payload in payloads.items():
            self._hub.subscribers.signal(
                ephemeral.make_signal(
                    tick.frame_type,
                    payload,
                    channel=tick.topic,
                    recipients=[user_id],
                    coalesce=tick.frame_type,
                )
            )
