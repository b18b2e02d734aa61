"""What makes an idle socket small behaves like what it stands in for."""

from __future__ import annotations

import asyncio
import gc

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from realtime.lean import YOUNG_OBJECTS, Gate, Inbox, collect_garbage_less_often
from realtime.uvicorn_protocol import WebSocketProtocol


async def test_items_come_out_in_the_order_they_went_in() -> None:
    inbox: Inbox[int] = Inbox()
    inbox.put_nowait(1)
    inbox.put_nowait(2)
    assert [await inbox.get(), await inbox.get()] == [1, 2]
    assert inbox.empty()


async def test_each_of_several_readers_gets_one_item() -> None:
    inbox: Inbox[int] = Inbox()
    readers = [asyncio.create_task(inbox.get()) for _ in range(3)]
    await asyncio.sleep(0)
    for number in range(3):
        inbox.put_nowait(number)
    assert sorted(await asyncio.gather(*readers)) == [0, 1, 2]


async def test_a_cancelled_reader_takes_nothing_along() -> None:
    inbox: Inbox[int] = Inbox()
    reader = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    inbox.put_nowait(1)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert await inbox.get() == 1


async def test_a_gate_holds_until_it_is_set() -> None:
    gate = Gate()
    await gate.wait()
    gate.clear()
    gate.clear()
    waiting = [asyncio.create_task(gate.wait()) for _ in range(2)]
    await asyncio.sleep(0)
    assert not gate.is_set()
    assert not any(task.done() for task in waiting)
    gate.set()
    await asyncio.gather(*waiting)
    assert gate.is_set()


async def test_uvicorns_attributes_have_slots() -> None:
    async def application(scope: object, receive: object, send: object) -> None: ...

    config = Config(application, loop="none", log_config=None)
    config.load()
    protocol = WebSocketProtocol(config=config, server_state=ServerState(), app_state={})
    # A dictionary would come with the first one that has none.
    assert vars(protocol) == {}


@pytest.mark.parametrize(
    ("set_by_the_site", "kept"),
    [(700, YOUNG_OBJECTS), (2 * YOUNG_OBJECTS, 2 * YOUNG_OBJECTS), (0, 0)],
)
def test_garbage_is_looked_for_less_often_but_as_the_site_has_set(
    set_by_the_site: int, kept: int
) -> None:
    before = gc.get_threshold()
    try:
        gc.set_threshold(set_by_the_site, 7, 8)
        collect_garbage_less_often()
        assert gc.get_threshold() == (kept, 7, 8)
    finally:
        gc.set_threshold(*before)
