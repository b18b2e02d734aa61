"""Outbox, relay and log: what is committed gets a number, what is rolled back does not."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from django.db import connections, transaction

from realtime import log, relay
from realtime.models import Event, EventRecipient, OutboxEvent
from realtime.users import user_id


def write(user: Any, text: str) -> None:
    with transaction.atomic():
        log.append("note", {"text": text}, channel="notifications", recipients=[user.pk])


def texts(events: list[log.LoggedEvent]) -> list[bytes]:
    return [event.payload for event in events]


def read(user: Any, after: int = 0) -> list[log.LoggedEvent]:
    upto = log.read_head().sequence
    return log.read_for(user_id(user), after=after, upto=upto, topics=(), limit=10_000)


@pytest.mark.django_db(transaction=True)
def test_an_event_is_written_in_a_transaction_or_not_at_all() -> None:
    with pytest.raises(RuntimeError, match="atomic"):
        log.append("note", {}, topic="news")
    assert not OutboxEvent.objects.exists()


def test_an_event_has_recipients_or_a_topic_not_both(alice: Any) -> None:
    with transaction.atomic():
        with pytest.raises(ValueError, match="either recipients or a topic"):
            log.append("note", {}, channel="news")
        with pytest.raises(ValueError, match="either recipients or a topic"):
            log.append("note", {}, channel="news", recipients=[alice.pk], topic="news")


def test_an_event_has_a_channel(alice: Any) -> None:
    with transaction.atomic(), pytest.raises(ValueError, match="needs the channel"):
        log.append("note", {}, recipients=[alice.pk])


@pytest.mark.parametrize("key", [2**130, -(2**130), True, None, "no key", 1.5])
def test_a_recipient_who_cannot_exist_is_refused_before_anything_is_written(
    alice: Any, key: Any
) -> None:
    with transaction.atomic(), pytest.raises(ValueError, match="not a user id"):
        log.append("note", {}, channel="news", recipients=[alice.pk, key])


def test_an_event_is_for_at_most_500_people(alice: Any) -> None:
    make_key = UUID if isinstance(alice.pk, UUID) else lambda int: int
    keys = [make_key(int=number) for number in range(1, 502)]
    with transaction.atomic(), pytest.raises(ValueError, match="at most 500"):
        log.append("note", {}, channel="news", recipients=keys)


def test_a_rolled_back_transaction_sends_nothing_and_leaves_no_gap(alice: Any) -> None:
    write(alice, "1")
    with transaction.atomic():
        log.append("note", {"text": "2"}, channel="news", recipients=[alice.pk])
        transaction.set_rollback(True)
    write(alice, "3")
    relay.drain()
    events = read(alice)
    assert texts(events) == [b'{"text":"1"}', b'{"text":"3"}']
    assert events[1].sequence == events[0].sequence + 1
    assert not OutboxEvent.objects.exists()


def test_the_relay_drains_more_than_a_batch_in_order(alice: Any, settings: Any) -> None:
    settings.REALTIME = {**settings.REALTIME, "RELAY_BATCH": 7}
    for number in range(20):
        write(alice, str(number))
    assert relay.relay_batch(7) is relay.Outcome.MORE
    relay.drain()
    assert texts(read(alice)) == [b'{"text":"%d"}' % number for number in range(20)]
    sequences = list(Event.objects.order_by("sequence").values_list("sequence", flat=True))
    assert sequences == list(range(1, 21))


def test_an_event_for_a_user_who_has_gone_does_not_stop_the_relay(alice: Any, bob: Any) -> None:
    write(bob, "to nobody")
    bob.delete()
    write(alice, "to alice")
    relay.drain()
    assert texts(read(alice)) == [b'{"text":"to alice"}']


@pytest.mark.parametrize(
    "text", ["\x00", "'; DROP TABLE realtime_event; --", "<b>", "😀", "\u2028"]
)
def test_any_text_passes_through_unharmed(alice: Any, text: str) -> None:
    write(alice, text)
    relay.drain()
    assert msgspec.json.decode(read(alice)[0].payload) == {"text": text}


def in_other_thread(job: Callable[[], None]) -> threading.Thread:
    def run() -> None:
        try:
            job()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.parametrize("relays", [1, 3])
def test_ten_writers_with_pauses_before_commit_lose_nothing(alice: Any, relays: int) -> None:
    """A reader that pages while they write sees each event once, in order."""
    rng = random.Random(1)
    pauses = [[rng.uniform(0, 0.01) for _ in range(20)] for _ in range(10)]
    writing = threading.Event()
    writing.set()

    def writer(name: int) -> None:
        for number, pause in enumerate(pauses[name]):
            with transaction.atomic():
                log.append(
                    "note", {"text": f"{name}.{number}"}, channel="news", recipients=[alice.pk]
                )
                time.sleep(pause)  # what a site's transaction goes on to do

    def relaying() -> None:
        while writing.is_set():
            relay.relay_batch(5)

    writers = [in_other_thread(lambda name=name: writer(name)) for name in range(10)]  # type: ignore[misc]
    loops = [in_other_thread(relaying) for _ in range(relays)]
    seen: list[log.LoggedEvent] = []

    def read_on() -> None:
        seen.extend(read(alice, after=seen[-1].sequence if seen else 0))

    while any(thread.is_alive() for thread in writers):
        read_on()
    writing.clear()
    for thread in loops:
        thread.join()
    relay.drain()
    read_on()
    sequences = [event.sequence for event in seen]
    assert sequences == list(range(1, 201))
    by_writer: dict[bytes, list[int]] = {}
    for event in seen:
        name, number = event.payload[9:-2].split(b".")
        by_writer.setdefault(name, []).append(int(number))
    assert len(by_writer) == 10
    assert all(numbers == list(range(20)) for numbers in by_writer.values())


# --- pruning -------------------------------------------------------------------------


def age(seconds: float) -> None:
    """Make all events older."""
    for event in Event.objects.all():
        event.created_at -= timedelta(seconds=seconds)
        event.save()


def test_prune_deletes_what_is_old_and_says_how_far(alice: Any) -> None:
    for number in range(3):
        write(alice, str(number))
    relay.drain()
    age(100)
    write(alice, "new")
    relay.drain()
    assert log.prune(timedelta(seconds=50)) == 3
    assert texts(read(alice)) == [b'{"text":"new"}']
    assert EventRecipient.objects.count() == 1
    head = log.read_head()
    assert head.pruned_through == 3
    log.check_reach(3, None, head, zero_is_oldest=False)
    with pytest.raises(log.LogGapError, match="pruned"):
        log.check_reach(2, None, head, zero_is_oldest=True)
    with pytest.raises(log.LogGapError, match="pruned"):
        log.check_reach(0, None, head, zero_is_oldest=False)
    log.check_reach(0, None, head, zero_is_oldest=True)


def test_prune_with_nothing_old_writes_nothing(alice: Any) -> None:
    write(alice, "new")
    relay.drain()
    assert log.prune(timedelta(seconds=50)) == 0
    assert not OutboxEvent.objects.exists()


def test_prune_goes_on_behind_any_number_of_control_events(alice: Any) -> None:
    with transaction.atomic():
        log.append_many(
            log.Draft(
                log.CLOSE_USER,
                {"code": 4503, "reason": "test"},
                recipients=[alice.pk],
                control=True,
            )
            for _ in range(log.PRUNE_BATCH + 10)
        )
    write(alice, "behind them")
    relay.drain()
    assert log.prune(timedelta(0)) == log.PRUNE_BATCH + 11


def test_prune_comes_to_an_end(alice: Any) -> None:
    """Its own notices in the log do not keep it going."""
    write(alice, "1")
    relay.drain()
    assert log.prune(timedelta(0)) == 1
    relay.drain()
    assert log.prune(timedelta(0)) == 0
    assert log.prune(timedelta(0)) == 0


def test_a_new_epoch_begins_above_every_number_that_was_given(alice: Any) -> None:
    write(alice, "1")
    relay.drain()
    ended = log.read_head()
    begun = log.begin_epoch(ended.epoch, beyond=50)
    assert begun.epoch != ended.epoch
    assert begun.sequence == begun.pruned_through == 51
    assert log.begin_epoch(ended.epoch, beyond=90) == begun, "only one of many callers does it"
    write(alice, "2")
    relay.drain()
    assert [event.sequence for event in read(alice, after=51)] == [52]
