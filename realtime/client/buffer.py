"""Events that have come and were not taken yet, and the iterators that take them.

One buffer for all iterators: an event is kept until each of them has taken it
or has no use for it. So the slowest one decides, and memory is bounded.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Self
from weakref import WeakSet

from realtime.client.position import Event, Position


class _Item:
    """An event, and the position of who has taken it."""

    __slots__ = ("event", "position")

    def __init__(self, event: Event, position: Position | None) -> None:
        self.event = event
        self.position = position


class EventBuffer:
    """Events in their order.

    Args:
        limit: how many there may be before it is full.
        changed: called when there may be room again, or another reader.

    Attributes:
        position: what has been taken, by every iterator; None: unknown yet.
    """

    def __init__(
        self, limit: int, position: Position | None, changed: Callable[[], None] = lambda: None
    ) -> None:
        self.position = position
        self.limit = limit
        self._changed = changed
        self._items: deque[_Item] = deque()
        # The number of the first item; it only rises.
        self._first = 0
        self._readers: WeakSet[Events] = WeakSet()
        self._ended = False
        self._error: Exception | None = None

    def __len__(self) -> int:
        return len(self._items)

    @property
    def full(self) -> bool:
        """Whether nothing more should be put in."""
        return len(self._items) >= self.limit

    @property
    def read(self) -> bool:
        """Whether anybody iterates."""
        return bool(self._readers)

    def put(self, event: Event, position: Position | None) -> None:
        """Add an event; `position` is where one stands who has taken it."""
        self._items.append(_Item(event, position))
        for reader in list(self._readers):
            reader._look()
        self._trim()

    def move(self, position: Position | None) -> None:
        """The position after all that is in the buffer."""
        if self._items:
            self._items[-1].position = position
        else:
            self.position = position

    def open(self, types: frozenset[str]) -> Events:
        """An iterator over events of these types, or all; from the oldest event kept."""
        reader = Events(self, types, self._first)
        self._readers.add(reader)
        reader._look()
        self._trim()
        self._changed()
        return reader

    def begin(self) -> None:
        """Events may come, after an `end` too."""
        self._ended, self._error = False, None

    def end(self, error: Exception | None) -> None:
        """No more events come: iterators end, with `error`, once they have taken the rest."""
        self._ended, self._error = True, error
        for reader in list(self._readers):
            reader._ready.set()

    def _take(self, reader: Events) -> Event | None:
        index = reader._next - self._first
        if index >= len(self._items):
            return None
        event = self._items[index].event
        reader._next += 1
        reader._look()
        self._trim()
        return event

    def _leave(self, reader: Events) -> None:
        """A reader has gone. What only it had not taken stays, if nobody else reads."""
        self._readers.discard(reader)
        self._trim()
        self._changed()

    def _trim(self) -> None:
        """Forget what every reader has passed."""
        if not self._readers:
            return
        passed = min(reader._next for reader in self._readers)
        while self._first < passed:
            self.position = self._items.popleft().position or self.position
            self._first += 1
        self._changed()


class Events:
    """An asynchronous iterator over events, as `Client.events` returns it.

    It ends when the client was disconnected, and raises a `ClientEndedError` when the
    client has ended otherwise; before that it gives what has come. Who stops
    iterating for good closes it, by `close`, a `with` block or by forgetting
    it: an iterator that stays open and takes nothing holds up all the others.
    """

    def __init__(self, buffer: EventBuffer, types: frozenset[str], first: int) -> None:
        self._buffer = buffer
        self._types = types
        self._next = first
        self._ready = asyncio.Event()
        self._closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while (event := self._buffer._take(self)) is None:
            if self._closed:
                raise StopAsyncIteration
            if self._buffer._ended:
                if self._buffer._error is None:
                    raise StopAsyncIteration
                raise self._buffer._error
            self._ready.clear()
            await self._ready.wait()
        return event

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Take no more."""
        self._closed = True
        self._ready.set()
        self._buffer._leave(self)

    def _look(self) -> None:
        """Pass what is of no use, up to the next event to take."""
        buffer = self._buffer
        while (index := self._next - buffer._first) < len(buffer._items):
            if not self._types or buffer._items[index].event.type in self._types:
                self._ready.set()
                return
            self._next += 1
