"""Erasing: deleted content leaves outbox, log and memory; its number stays."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from notifications.services import notify
from realtime import erasure, log, relay
from realtime.models import Event, OutboxEvent
from realtime.users import user_id
from tests.clients import Poller, in_thread, open_http, open_socket, settled
from tests.servers import Address


def write(text: str, *users: Any, subject: str = "", author: Any = "") -> None:
    with transaction.atomic():
        log.append(
            "note",
            {"text": text},
            channel="notifications",
            recipients=[user.pk for user in users],
            subject=subject,
            author=author,
        )


def stored() -> list[tuple[str, str]]:
    relay.drain()
    events = Event.objects.filter(control=False).order_by("sequence")
    return list(events.values_list("type", "payload"))


def test_what_is_about_a_subject_is_erased_in_the_log_and_keeps_its_place(alice: Any) -> None:
    write("secret", alice, subject="msg_1")
    write("other", alice, subject="msg_2")
    relay.drain()
    erasure.erase_subject("msg_1")
    assert stored() == [("erased", "{}"), ("note", '{"text":"other"}')]
    first, second = log.read_for(
        user_id(alice), after=0, upto=log.read_head().sequence, topics=(), limit=10
    )
    assert (first.type, first.channel) == ("erased", "notifications")
    assert second.sequence == first.sequence + 1


def test_what_is_still_in_the_outbox_is_erased_too(alice: Any) -> None:
    write("secret", alice, subject="msg_1")
    erasure.erase_subject("msg_1")
    assert stored() == [("erased", "{}")]
    assert not OutboxEvent.objects.exists()


def test_an_erasure_that_is_rolled_back_erases_nothing(alice: Any) -> None:
    write("kept", alice, subject="msg_1")
    with transaction.atomic():
        erasure.erase_subject("msg_1")
        transaction.set_rollback(True)
    assert stored() == [("note", '{"text":"kept"}')]


def test_what_comes_after_an_erasure_stays(alice: Any) -> None:
    erasure.erase_subject("msg_1")
    write("again", alice, subject="msg_1")
    assert stored() == [("note", '{"text":"again"}')]


def test_of_a_user_goes_what_they_wrote_and_what_only_they_could_read(alice: Any, bob: Any) -> None:
    write("by alice", bob, author=alice.pk)
    write("for alice", alice)
    write("for both", alice, bob, author=bob.pk)
    erasure.erase_user(alice.pk)
    assert stored() == [("erased", "{}"), ("erased", "{}"), ("note", '{"text":"for both"}')]


def test_much_is_erased_in_several_short_transactions(
    alice: Any, bob: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "BATCH", 2)
    for number in range(5):
        write(f"by alice {number}", bob, author=alice.pk)
        write(f"for alice {number}", alice)
    relay.drain()
    erasure.erase_user(alice.pk)
    relay.relay_batch(100)
    assert OutboxEvent.objects.filter(type=log.ERASE).exists(), "the rest is a new order"
    for _ in range(5):
        relay.drain()
    assert stored() == [("erased", "{}")] * 10


def test_deleting_an_account_erases_what_it_wrote(alice: Any, bob: Any) -> None:
    write("by alice", bob, author=alice.pk)
    relay.drain()
    alice.delete()
    assert stored() == [("erased", "{}")]


async def test_a_node_that_has_it_in_memory_forgets_it_too(server: Address, alice: Any) -> None:
    position = await settled(server, alice)
    async with open_socket(server, alice) as socket:
        await in_thread(notify, alice, "note", "secret", subject="msg_1")
        seen = await socket.expect("notification")
    await in_thread(erasure.erase_subject, "msg_1")
    await settled(server, alice)
    async with open_socket(server, alice, last_sequence=position) as late:
        erased = await late.expect("erased")
        assert (erased["id"], erased["sequence"]) == (seen["id"], seen["sequence"])
        assert (erased["channel"], erased["payload"]) == ("notifications", {})
    async with open_http(server, alice) as http:
        poller = Poller(http, alice)
        poller.position = position
        assert (await poller.poll())["events"][0]["type"] == "erased"
