"""The hub by itself: what it does when the log is not as it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from realtime import database, log, relay
from realtime.ephemeral import Signal
from realtime.hub import Hub
from realtime.log import Head
from realtime.models import Event, EventRecipient, LogHead
from realtime.subscribers import Run
from realtime.users import user_id
from tests.clients import PATIENCE, in_thread


class Recorder:
    """A subscriber that remembers what it was told."""

    id = ""
    topics: tuple[str, ...] = ()

    def __init__(self, user: Any) -> None:
        self.user_id = user_id(user)
        self.channels = {"news"}
        self.heard: asyncio.Queue[Any] = asyncio.Queue()

    def deliver(self, run: Run) -> None:
        for event in run.events:
            self.heard.put_nowait(event.payload)

    def signal(self, signal: Signal) -> None:
        self.heard.put_nowait(signal.payload)

    def leave_channel(self, channel: str) -> None:
        self.channels.discard(channel)

    def end(self, code: int, reason: str) -> None:
        self.heard.put_nowait((code, reason))

    def resync(self, reason: str, head: Head) -> None:
        self.heard.put_nowait(reason)

    async def next(self) -> Any:
        return await asyncio.wait_for(self.heard.get(), PATIENCE)


@asynccontextmanager
async def running() -> AsyncIterator[Hub]:
    """A hub that tails the log."""
    hub = Hub()
    await hub.start()
    task = asyncio.create_task(hub.run())
    try:
        yield hub
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=PATIENCE)
        assert task.done()
        await asyncio.to_thread(database.close)


def write(user: Any, *texts: str) -> None:
    for text in texts:
        with transaction.atomic():
            log.append("note", {"text": text}, channel="news", recipients=[user.pk])
    relay.drain()


def note(text: str) -> bytes:
    return b'{"text":"%s"}' % text.encode()


async def test_events_pruned_before_the_hub_read_them_are_not_skipped_in_silence(
    alice: Any,
) -> None:
    hub = Hub()
    await hub.start()
    recorder = Recorder(alice)
    hub.subscribers.join(recorder)
    await in_thread(write, alice, "1", "2", "3")
    await in_thread(log.prune, timedelta(0))
    await in_thread(write, alice, "4")
    task = asyncio.create_task(hub.run())
    assert await recorder.next() == "pruned"
    await in_thread(write, alice, "5")
    assert await recorder.next() == note("5")
    task.cancel()
    await asyncio.wait([task], timeout=PATIENCE)
    await asyncio.to_thread(database.close)


async def test_rows_lost_and_numbered_again_before_the_hub_looks_are_noticed(alice: Any) -> None:
    """As after a failover to a replica that lagged behind."""

    def fail_over() -> None:
        Event.objects.filter(sequence__gt=1).delete()
        EventRecipient.objects.filter(event_id__gt=1).delete()
        LogHead.objects.update(sequence=1)
        write(alice, "new 2", "new 3", "new 4")

    hub = Hub()
    await hub.start()
    recorder = Recorder(alice)
    hub.subscribers.join(recorder)
    task = asyncio.create_task(hub.run())
    await in_thread(write, alice, "1", "2", "3")
    for _ in range(3):
        await recorder.next()
    task.cancel()
    await asyncio.wait([task])
    epoch = hub.epoch
    await in_thread(fail_over)
    task = asyncio.create_task(hub.run())
    assert await recorder.next() == "epoch"
    assert hub.epoch != epoch
    await in_thread(write, alice, "5")
    assert await recorder.next() == note("5")
    task.cancel()
    await asyncio.wait([task])
    await asyncio.to_thread(database.close)


async def test_an_order_that_cannot_be_understood_does_not_stop_the_tail(alice: Any) -> None:
    def write_orders() -> None:
        with transaction.atomic():
            for payload in ({"code": 4321, "reason": "newer"}, {"nonsense": True}):
                log.append(log.CLOSE_USER, payload, recipients=[alice.pk], control=True)
        write(alice, "after")

    async with running() as hub:
        recorder = Recorder(alice)
        hub.subscribers.join(recorder)
        await in_thread(write_orders)
        assert await recorder.next() == (4321, "newer")
        assert await recorder.next() == note("after")


async def test_a_subscriber_that_fails_is_sent_away_and_the_others_are_served(
    alice: Any, bob: Any
) -> None:
    class Broken(Recorder):
        def deliver(self, run: Run) -> None:
            raise ZeroDivisionError

    async with running() as hub:
        broken, sound = Broken(alice), Recorder(alice)
        hub.subscribers.join(broken)
        hub.subscribers.join(sound)
        await in_thread(write, alice, "1")
        assert await sound.next() == note("1")
        assert await broken.next() == (4000, "delivery_failed")


async def test_rights_that_end_between_check_and_joining_are_noticed(alice: Any) -> None:
    async with running() as hub:
        witness = Recorder(alice)
        hub.subscribers.join(witness)
        checked_at = hub.position
        assert hub.ending_since(witness.user_id, checked_at) is None

        def disable() -> None:
            alice.is_active = False
            alice.save()
            relay.drain()

        await in_thread(disable)
        assert await witness.next() == (4503, "account_disabled")
        order = hub.ending_since(witness.user_id, checked_at)
        assert order is not None
        assert order.code == 4503
        assert hub.ending_since("somebody else", checked_at) is None
        assert hub.ending_since(witness.user_id, hub.position) is None


@pytest.mark.parametrize("steps", range(4))
async def test_a_stop_that_comes_with_a_wake_up_is_not_lost(alice: Any, steps: int) -> None:
    async with running() as hub:
        await asyncio.sleep(0.05)
        hub.wake()
        for _ in range(steps):
            await asyncio.sleep(0)


@pytest.mark.options(TAIL_INTERVAL=2 * PATIENCE)
async def test_a_hub_that_is_behind_reads_on_at_once(
    alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.hub.READ_LIMIT", 2)
    await in_thread(write, alice, "0")  # the hub's next page begins with what it has read
    async with running() as hub:
        hub.subscribers.join(recorder := Recorder(alice))
        await in_thread(write, alice, "1", "2", "3", "4", "5")
        hub.wake()
        assert [await recorder.next() for _ in range(5)] == [note(text) for text in "12345"]


async def test_events_of_many_readers_are_handed_out_without_a_pause_for_each(
    alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_to_many() -> None:
        with transaction.atomic():
            for number in range(50):
                channel = f"c{number}"
                log.append("note", {"text": "x"}, channel=channel, recipients=[alice.pk])
        write(alice, "last")

    pauses: list[float] = []
    sleep = asyncio.sleep

    async def note_pause(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(seconds)

    monkeypatch.setattr("realtime.hub.LEAST_REST", PATIENCE)  # whatever the machine is busy with
    async with running() as hub:
        hub.subscribers.join(recorder := Recorder(alice))
        await in_thread(write_to_many)
        monkeypatch.setattr("realtime.hub.asyncio.sleep", note_pause)
        hub.wake()
        assert await recorder.next() == note("last")
        monkeypatch.undo()
    assert set(pauses) <= {0}
