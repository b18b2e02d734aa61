"""Notifications of what goes on: one unread for each key, announced now and then."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from notifications import coalesced, services
from notifications.models import Notification
from notifications.services import mark_read_by_key, notify, notify_coalesced, notify_many
from realtime.bulk import LEAST_COPIED
from realtime.users import user_id
from tests.notifications.test_services import events, unread
from tests.people import make_user

KEY = "conversation:conv_1"


def test_it_is_announced_when_it_becomes_unread_and_then_kept_up_to_date(
    alice: Any, bob: Any
) -> None:
    notify_coalesced([alice], "message", "Bob: One", key=KEY, actor=bob, extra={"id": 1})
    notify_coalesced([alice], "message", "Bob: Two", key=KEY, actor=bob, extra={"id": 2})
    stored = Notification.objects.get()
    assert (stored.message, stored.extra, stored.actor) == ("Bob: Two", {"id": 2}, bob)
    assert [payload["message"] for _, payload in events(alice)] == ["Bob: One"]
    assert unread(alice) == 1


def test_it_is_announced_again_after_a_while(alice: Any, bob: Any) -> None:
    notify_coalesced([alice, bob], "message", "One", key=KEY)
    # Alice was told of it long enough ago.
    stored = Notification.objects.get(recipient=alice)
    assert stored.announced_at is not None
    stored.announced_at -= coalesced.ANNOUNCE_INTERVAL
    stored.save()
    notify(alice, "like", "another")
    for text in ("Two", "Three"):
        notify_coalesced([alice, bob], "message", text, key=KEY)
    told = [payload for _, payload in events(alice)]
    assert [payload["message"] for payload in told] == ["One", "another", "Two"]
    assert told[0]["id"] == told[2]["id"]
    assert [payload["unread_count"] for payload in told] == [1, 2, 2]
    assert [payload["message"] for _, payload in events(bob)] == ["One"]


def test_keys_and_recipients_are_apart(alice: Any, bob: Any) -> None:
    notify_coalesced([alice, bob, alice], "message", "text", key=KEY, actor=bob)
    notify_coalesced([alice.pk], "message", "text", key="conversation:conv_2", actor=bob)
    notify(alice, "like", "without a key")
    notify(alice, "like", "without a key")
    assert (unread(alice), unread(bob)) == (4, 0)


def test_reading_by_key_reads_and_tells_once(alice: Any, bob: Any) -> None:
    notify(alice, "like", "another")
    notify_coalesced([alice, bob], "message", "text", key=KEY)
    mark_read_by_key([alice, bob], KEY)
    mark_read_by_key([alice, bob], KEY)
    assert (unread(alice), unread(bob)) == (1, 0)
    (told,) = [payload for type, payload in events(alice) if type == "notification_read"]
    read = Notification.objects.get(recipient=alice, coalesce_key=KEY)
    assert told["notification_id"] == f"notif_{read.pk}"
    assert told["unread_count"] == 1
    notify_coalesced([alice], "message", "anew", key=KEY)
    assert events(alice)[-1][1]["message"] == "anew"
    assert events(alice)[-1][1]["id"] != told["notification_id"]


@pytest.mark.parametrize("read", [True, False])
def test_reading_it_as_any_other_ends_it_too(alice: Any, read: bool) -> None:
    notify_coalesced([alice], "message", "One", key=KEY)
    if read:
        services.mark_read(user_id(alice), Notification.objects.get().pk)
    else:
        services.mark_all_read(user_id(alice))
    notify_coalesced([alice], "message", "Two", key=KEY)
    assert unread(alice) == 1
    assert Notification.objects.count() == 2


@pytest.mark.parametrize("key", ["", "x" * 101, "NUL \x00"])
def test_a_key_that_cannot_be_stored_is_refused(alice: Any, key: str) -> None:
    with pytest.raises(ValueError, match="a key has 1 to 100 characters"):
        notify_coalesced([alice], "message", "text", key=key)


@pytest.mark.django_db
def test_it_costs_the_same_queries_however_many_it_tells() -> None:
    costs = []
    for size in (LEAST_COPIED, 2 * LEAST_COPIED):
        users = [make_user(f"user{size}x{number}") for number in range(size)]
        notify_coalesced(users, "message", "One", key=KEY)
        mark_read_by_key(users[:1], KEY)
        with CaptureQueriesContext(connection) as captured:
            notify_coalesced(users, "message", "Two", key=KEY)
            mark_read_by_key(users, KEY)
        costs.append(len(captured))
    assert costs[0] == costs[1]


def test_many_at_once_make_one_for_each_key(alice: Any, bob: Any) -> None:
    notify_many([alice, bob], "news", "Inboxes are there, and their making orders nothing")
    errors: list[BaseException] = []
    round = threading.Barrier(4)

    def write(order: list[Any]) -> None:
        try:
            for number in range(20):
                round.wait(15)
                notify_coalesced(order, "message", "text", key=f"conversation:conv_{number}")
        except BaseException as error:
            errors.append(error)
            round.abort()
        finally:
            connections.close_all()

    orders = [[alice, bob], [bob, alice]] * 2
    threads = [threading.Thread(target=write, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert (unread(alice), unread(bob)) == (21, 21)
    assert Notification.objects.exclude(coalesce_key="").count() == 40
