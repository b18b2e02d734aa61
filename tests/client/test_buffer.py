"""Iterators over one buffer: each gets every event, and the position is that of the slowest."""

from __future__ import annotations

import asyncio

import pytest

from realtime.client.buffer import EventBuffer, Events
from realtime.client.errors import ClientEndedError
from realtime.client.position import Event, Position
from tests.client.test_position import NOW

EVERYTHING = frozenset[str]()


def put(buffer: EventBuffer, *numbers: int, type: str = "a") -> None:
    for number in numbers:
        buffer.put(Event(str(number), type, {}, NOW, None, number), Position(number, "e"))


def new_buffer(limit: int = 10) -> EventBuffer:
    return EventBuffer(limit, Position(0, "e"))


async def take(events: Events, count: int = 1) -> list[int | None]:
    return [(await asyncio.wait_for(anext(events), 1)).sequence for _ in range(count)]


def place(buffer: EventBuffer) -> int:
    assert buffer.position is not None
    return buffer.position.sequence


async def test_events_wait_for_the_first_iterator() -> None:
    buffer = new_buffer()
    put(buffer, 1, 2)
    assert await take(buffer.open(EVERYTHING), 2) == [1, 2]


async def test_the_position_is_that_of_what_was_taken() -> None:
    buffer = new_buffer()
    events = buffer.open(EVERYTHING)
    put(buffer, 1, 2)
    buffer.move(Position(9, "e"))
    assert place(buffer) == 0
    await take(events)
    assert place(buffer) == 1
    await take(events)
    assert place(buffer) == 9  # nothing is missing up to there
    buffer.move(Position(12, "e"))
    assert place(buffer) == 12


async def test_an_iterator_of_some_types_passes_the_others() -> None:
    buffer = new_buffer(limit=2)
    events = buffer.open(frozenset({"b"}))
    put(buffer, 1, 2, 3)
    assert (len(buffer), place(buffer)) == (0, 3)
    put(buffer, 4, type="b")
    put(buffer, 5)
    assert (len(buffer), place(buffer)) == (2, 3)
    assert await take(events) == [4]
    assert (len(buffer), place(buffer)) == (0, 5)


async def test_an_iterator_opened_late_passes_what_it_has_no_use_for() -> None:
    buffer = new_buffer()
    put(buffer, 1, 2)
    put(buffer, 3, type="b")
    events = buffer.open(frozenset({"b"}))
    assert place(buffer) == 2
    assert await take(events) == [3]


async def test_the_slowest_decides_until_it_is_closed() -> None:
    buffer = new_buffer(limit=2)
    one, other = buffer.open(EVERYTHING), buffer.open(EVERYTHING)
    put(buffer, 1, 2)
    assert await take(one, 2) == [1, 2]
    assert buffer.full
    with other:
        assert await take(other) == [1]
        assert (len(buffer), place(buffer)) == (1, 1)
    assert (len(buffer), place(buffer)) == (0, 2)


async def test_an_iterator_that_was_forgotten_holds_up_nobody() -> None:
    buffer = new_buffer()
    one = buffer.open(EVERYTHING)
    buffer.open(EVERYTHING)
    put(buffer, 1)
    assert await take(one) == [1]
    assert len(buffer) == 0


async def test_who_comes_after_the_last_has_gone_goes_on_where_that_one_stood() -> None:
    buffer = new_buffer()
    put(buffer, 1, 2, 3)
    async for _ in buffer.open(EVERYTHING):
        break
    assert not buffer.read
    assert await take(buffer.open(EVERYTHING), 2) == [2, 3]


async def test_at_the_end_comes_first_what_was_left() -> None:
    buffer = new_buffer()
    events = buffer.open(EVERYTHING)
    put(buffer, 1)
    buffer.end(ClientEndedError("CLOSED", "gone"))
    assert await take(events) == [1]
    for _ in range(2):
        with pytest.raises(ClientEndedError):
            await take(events)


async def test_who_waits_is_woken_by_the_end_and_by_being_closed() -> None:
    buffer = new_buffer()
    one, other = buffer.open(EVERYTHING), buffer.open(EVERYTHING)
    waiting = [asyncio.create_task(anext(each, None)) for each in (one, other)]
    await asyncio.sleep(0)
    other.close()
    buffer.end(None)
    assert await asyncio.wait_for(asyncio.gather(*waiting), 1) == [None, None]
