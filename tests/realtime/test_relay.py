"""The relay, when processes die, and when the log is not the one that it was."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from notifications.services import notify
from realtime import log, moving, relay
from realtime.conf import conf
from realtime.erasure import erase_subject
from realtime.models import Event, EventRecipient, LogHead, OutboxEvent
from realtime.relay import Outcome
from tests.clients import PATIENCE, in_thread, open_poller, open_socket
from tests.servers import UVICORN, Address, manage, server_process

# Dies when the rows are copied, before they are committed.
DIE_HALF_WAY = """
import os, signal
from realtime import erasure, relay
carry_out = erasure.carry_out
def copy_and_die(*args, **kwargs):
    carry_out(*args, **kwargs)
    os.kill(os.getpid(), signal.SIGKILL)
erasure.carry_out = copy_and_die
relay.relay_batch(100)
"""


def write(user: Any, *texts: str) -> None:
    for text in texts:
        with transaction.atomic():
            log.append("note", {"text": text}, channel="notifications", recipients=[user.pk])


def test_a_relay_that_is_killed_half_way_has_done_nothing(alice: Any) -> None:
    write(alice, "1", "2", "3")
    died = manage("shell", "-v0", "-c", DIE_HALF_WAY)
    assert died.returncode < 0, died.stderr
    assert OutboxEvent.objects.count() == 3
    relay.drain()
    events = log.read_from(1, 10)
    assert [event.payload for event in events] == [f'{{"text":"{n}"}}'.encode() for n in (1, 2, 3)]
    assert [event.sequence for event in events] == [1, 2, 3]
    assert EventRecipient.objects.count() == 3


@pytest.mark.parametrize("way", ["in the database", "by copying"])
def test_events_are_moved_alike(
    way: str, monkeypatch: pytest.MonkeyPatch, alice: Any, bob: Any
) -> None:
    if way == "by copying":
        monkeypatch.setattr(moving, "_way", lambda vendor: moving._move_by_copying)
    with transaction.atomic():
        log.append("one", {"ü": 1}, channel="notifications", recipients=[alice.pk, bob.pk])
        log.append("all", {}, channel="feed", topic="feed", subject="post_1", author=alice.pk)
        erase_subject("post_1")
        log.append("few", {}, channel="notifications", recipients=[bob.pk])
    first, *_, last = written = list(OutboxEvent.objects.order_by("pk"))
    using = log.database_alias()
    with transaction.atomic(using=using):
        log.ensure_head()
        moved = moving.move(using, 10, limit=3)
    assert moved is not None
    assert (moved.count, moved.oldest) == (3, first.created_at)
    assert [order.sequence for order in moved.orders] == [13]
    assert log.read_head().sequence == 13
    assert list(OutboxEvent.objects.all()) == [last]
    assert list(EventRecipient.objects.values_list("user_id", "event_id").order_by("user_id")) == [
        (key, 11) for key in sorted([alice.pk, bob.pk])
    ]
    for number, (event, row) in enumerate(
        zip(Event.objects.order_by("sequence"), written[:3], strict=True), start=11
    ):
        assert event.sequence == number
        for name in moving.COPIED:
            assert getattr(event, name) == getattr(row, name), name


@pytest.mark.options(TAIL_INTERVAL=2 * PATIENCE)
async def test_a_command_that_sends_no_hints_is_not_left_waiting_between_its_batches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It needs longer for the next one than the relay for this: a few looks find nothing."""
    outcomes = iter([Outcome.MOVED, *[Outcome.IDLE] * 3, Outcome.MOVED, *[Outcome.IDLE] * 100])
    monkeypatch.setattr(relay, "relay_batch", lambda limit, look: next(outcomes))
    moved: asyncio.Queue[None] = asyncio.Queue()
    running = asyncio.create_task(relay.Relay(lambda: moved.put_nowait(None)).run())
    try:
        async with asyncio.timeout(PATIENCE):
            await moved.get()
            await moved.get()
    finally:
        running.cancel()


@pytest.mark.options(TAIL_INTERVAL=0.25)
@pytest.mark.parametrize("moved", [Outcome.MOVED, Outcome.MORE])
def test_the_relay_looks_less_and_less_often_where_nothing_comes(moved: Outcome) -> None:
    rests = [relay.rest_after(moved, conf().TAIL_INTERVAL)]
    while len(rests) < 8:
        rests.append(relay.rest_after(Outcome.IDLE, rests[-1]))
    assert rests == [0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.25, 0.25]


async def test_a_restored_backup_is_told_by_hand_where_no_server_was_running(alice: Any) -> None:
    with server_process(UVICORN) as (server, _):
        await in_thread(notify, alice, "like", "before the backup")
        async with open_poller(server, alice) as poller:
            await in_thread(notify, alice, "like", "lost")
            await poller.events(1)
            position = poller.position
            epoch = (await poller.poll(timeout=0))["epoch"]

    def restore() -> None:
        kept = position - 1
        EventRecipient.objects.filter(event_id__gt=kept).delete()
        Event.objects.filter(sequence__gt=kept).delete()
        LogHead.objects.update(sequence=kept)

    await in_thread(restore)
    done = await in_thread(manage, "new_epoch", "--no-input", "--beyond", str(position))
    assert done.returncode == 0, done.stderr
    assert f"The log goes on at {position + 1} in epoch" in done.stdout
    with server_process(UVICORN) as (server, _):
        await in_thread(notify, alice, "like", "after")
        async with open_socket(server, alice, last_sequence=position, epoch=epoch) as socket:
            resync = await socket.expect("resync")
            assert resync["payload"]["reason"] == "epoch"
            assert resync["payload"]["epoch"] != epoch


@pytest.mark.parametrize("replaced", [False, True], ids=["lost", "replaced by as many others"])
async def test_running_servers_notice_lost_rows_by_themselves(
    replaced: bool, server: Address, alice: Any
) -> None:
    async with open_socket(server, alice) as socket:
        await in_thread(notify, alice, "like", "lost")
        last = (await socket.expect("notification"))["sequence"]

        def fail_over() -> None:
            with transaction.atomic():
                lost = Event.objects.get(sequence=last)
                EventRecipient.objects.filter(event_id__gte=last).delete()
                Event.objects.filter(sequence__gte=last).delete()
                LogHead.objects.update(sequence=last if replaced else last - 1)
                if replaced:
                    lost.event_id = uuid4()
                    lost.save(force_insert=True)

        await in_thread(fail_over)
        resync = (await socket.expect("resync"))["payload"]
        assert resync["last_sequence"] > last
        await in_thread(notify, alice, "like", "after")
        assert (await socket.expect("notification"))["sequence"] > resync["last_sequence"]


def test_a_new_epoch_is_asked_about_first(
    alice: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = log.ensure_head()
    monkeypatch.setattr("builtins.input", lambda question: "n")
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("new_epoch")
    assert f"The log stands at {before.sequence}" in capsys.readouterr().out
    assert log.read_head() == before
