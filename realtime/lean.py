"""What suits a process of thousands of sockets that are mostly idle.

Small stand-ins for asyncio's queue and event: each of asyncio's holds a `deque` for
waiters that seldom exist, and an empty `deque` takes 760 bytes. These make theirs when
there is something to put into them. And garbage that is looked for less often.
"""

from __future__ import annotations

import asyncio
import gc
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")

YOUNG_OBJECTS = 10_000


def collect_garbage_less_often() -> None:
    """Have Python look for cycles every 10,000 new objects instead of every 700.

    A socket is many objects that stay, and looking at all of them while thousands come
    in takes an eighth of each handshake. A site that has set more, or none, keeps that.
    """
    young, *older = gc.get_threshold()
    if 0 < young < YOUNG_OBJECTS:
        gc.set_threshold(YOUNG_OBJECTS, *older)


class Inbox(Generic[T]):
    """An unbounded FIFO queue, as far as uvicorn's protocols use `asyncio.Queue`."""

    __slots__ = ("_items", "_readers")

    def __init__(self) -> None:
        self._items: deque[T] | None = None
        self._readers: tuple[asyncio.Future[None], ...] = ()

    def empty(self) -> bool:
        return not self._items

    def put_nowait(self, item: T) -> None:
        if self._items is None:
            self._items = deque()
        self._items.append(item)
        for reader in self._readers:
            if not reader.done():
                reader.set_result(None)

    async def get(self) -> T:
        """The oldest item, waiting for one if there is none."""
        while not self._items:
            reader = asyncio.get_running_loop().create_future()
            self._readers = (*self._readers, reader)
            try:
                await reader
            finally:
                self._readers = tuple(other for other in self._readers if other is not reader)
        item = self._items.popleft()
        if not self._items:
            self._items = None
        return item


class Gate:
    """Like an `asyncio.Event` that is set to begin with, and set most of the time."""

    __slots__ = ("_closed",)

    def __init__(self) -> None:
        self._closed: asyncio.Event | None = None

    def is_set(self) -> bool:
        return self._closed is None

    def set(self) -> None:
        """Let everybody through."""
        if self._closed is not None:
            closed, self._closed = self._closed, None
            closed.set()

    def clear(self) -> None:
        """Have everybody wait until the next `set`."""
        if self._closed is None:
            self._closed = asyncio.Event()

    async def wait(self) -> None:
        """Return when it is set."""
        while self._closed is not None:
            await self._closed.wait()
