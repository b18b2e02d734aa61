"""The Python API that a site calls: notify, notify_many, and reading."""

from __future__ import annotations

import threading
from typing import Any
from uuid import UUID

import msgspec
import pytest
from django.db import connections, transaction
from django.test.utils import CaptureQueriesContext

from notifications import services
from notifications.models import Inbox, Notification
from notifications.services import notify, notify_many
from realtime import log, relay
from realtime.bulk import LEAST_COPIED
from realtime.errors import ErrorCode, RealtimeError
from realtime.users import describe, user_id
from tests.people import make_user


def events(user: Any) -> list[tuple[str, dict[str, Any]]]:
    """The user's events in the log: type and payload."""
    relay.drain()
    upto = log.read_head().sequence
    found = log.read_for(user_id(user), after=0, upto=upto, topics=(), limit=1000)
    return [(event.type, msgspec.json.decode(event.payload)) for event in found]


def unread(user: Any) -> int:
    return services.unread_count(user_id(user))


def test_notify_stores_counts_and_tells(alice: Any, bob: Any) -> None:
    notification = notify(
        alice, "like", "Bob liked your post", actor=bob, post_id="post_7", extra={"mood": "good"}
    )
    assert notification is not None
    stored = Notification.objects.get()
    assert (stored.recipient, stored.actor) == (alice, bob)
    assert unread(alice) == 1
    assert events(alice) == [
        (
            "notification",
            {
                "id": f"notif_{stored.pk}",
                "type": "like",
                "actor_id": user_id(bob),
                "actor_name": "Bob",
                "message": "Bob liked your post",
                "post_id": "post_7",
                "read": False,
                "created_at": msgspec.to_builtins(stored.created_at),
                "extra": {"mood": "good"},
                "unread_count": 1,
            },
        )
    ]


def test_notify_takes_a_key_as_well_as_a_user(alice: Any) -> None:
    notify(alice.pk, "like", "1")
    notify(user_id(alice), "like", "2")
    assert unread(alice) == 2


def test_nobody_is_notified_of_their_own_acts(alice: Any, bob: Any) -> None:
    assert notify(alice, "like", "You liked it", actor=alice) is None
    assert notify_many([alice, bob], "like", "Alice liked it", actor=alice) == 1
    assert events(alice) == []
    assert unread(alice) == 0


def test_notify_many_tells_each_user_once_with_the_user_s_own_count(
    alice: Any, bob: Any, carol: Any
) -> None:
    notify(bob, "like", "earlier")
    assert notify_many([alice, bob, alice, carol.pk], "news", "Hello") == 3
    counts = {user.pk: events(user)[-1][1]["unread_count"] for user in (alice, bob, carol)}
    assert counts == {alice.pk: 1, bob.pk: 2, carol.pk: 1}
    assert len({events(user)[-1][1]["id"] for user in (alice, bob, carol)}) == 3


def test_notify_many_works_in_batches(
    alice: Any, bob: Any, carol: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "BATCH", 2)
    assert notify_many(iter([alice, bob, carol]), "news", "Hello") == 3
    assert Inbox.objects.filter(unread=1).count() == 3


def test_what_is_rolled_back_is_told_to_nobody(alice: Any) -> None:
    with transaction.atomic():
        notify(alice, "like", "never happened")
        transaction.set_rollback(True)
    assert events(alice) == []
    assert unread(alice) == 0
    assert not Notification.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("", "text"), "type must be a text"),
        (("like", ""), "message must be a text"),
        (("like", "   "), "message must be a text"),
        (("unheard-of", None), "register a text for 'unheard-of'"),
        (("x" * 65, "text"), "type has 65 characters, at most 64"),
        (("like", "NUL \x00"), "NUL characters cannot be stored"),
    ],
)
def test_bad_arguments_are_refused_and_nothing_is_written(
    alice: Any, arguments: tuple[Any, Any], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        notify(alice, *arguments)
    with pytest.raises(ValueError, match="not a user id"):
        notify("nobody at all", "like", "text")
    assert not Notification.objects.exists()


def test_reading_one_tells_the_user_s_devices_once(alice: Any) -> None:
    notification = notify(alice, "like", "text")
    assert notification is not None
    first = services.mark_read(user_id(alice), notification.pk)
    again = services.mark_read(user_id(alice), notification.pk)
    assert first == again
    assert first.unread_count == 0
    told = [event for event in events(alice) if event[0] == "notification_read"]
    assert told == [
        (
            "notification_read",
            {
                "notification_id": f"notif_{notification.pk}",
                "read_at": msgspec.to_builtins(first.read_at),
                "unread_count": 0,
            },
        )
    ]


def test_another_s_notification_does_not_exist(alice: Any, bob: Any) -> None:
    notification = notify(alice, "like", "text")
    assert notification is not None
    with pytest.raises(RealtimeError) as refused:
        services.mark_read(user_id(bob), notification.pk)
    assert refused.value.code is ErrorCode.NOT_FOUND
    assert unread(alice) == 1


def test_reading_all_is_told_once_and_only_if_there_was_something(alice: Any, bob: Any) -> None:
    notify_many([alice, bob], "news", "1")
    notify(alice, "like", "2")
    services.mark_all_read(user_id(alice))
    services.mark_all_read(user_id(alice))
    assert unread(alice) == 0
    assert unread(bob) == 1
    assert [type for type, _ in events(alice)].count("notification_read_all") == 1
    assert not Notification.objects.filter(recipient=alice, read_at=None).exists()


def test_deleting_keeps_the_count_right(alice: Any, bob: Any) -> None:
    unread_one, read_one = notify(alice, "like", "1"), notify(alice, "like", "2")
    assert unread_one is not None
    assert read_one is not None
    services.mark_read(user_id(alice), read_one.pk)
    Notification.objects.filter(recipient=alice).delete()
    assert unread(alice) == 0
    # The actor's account goes, the notification stays.
    notify(alice, "like", "3", actor=bob)
    bob.delete()
    assert Notification.objects.get().actor is None


def test_deleting_is_told_with_the_count_after_it(alice: Any, bob: Any) -> None:
    first, second = notify(alice, "like", "1"), notify(alice, "like", "2")
    assert first is not None
    assert second is not None
    services.mark_read(user_id(alice), second.pk)
    Notification.objects.order_by("pk").delete()
    told = [payload for type, payload in events(alice) if type == "notification_deleted"]
    assert told == [
        {"notification_id": f"notif_{first.pk}", "unread_count": 0},
        {"notification_id": f"notif_{second.pk}", "unread_count": 0},
    ]
    first.delete()  # by somebody who had loaded it before
    notify(bob, "like", "3")
    bob.delete()  # an account that goes is told nothing any more
    relay.drain()
    types = [event.type for event in log.read_from(1, 1000)]
    assert types.count("notification_deleted") == 2


def test_deleting_what_was_read_meanwhile_does_not_count_it_twice(alice: Any) -> None:
    seen_unread, other = notify(alice, "like", "1"), notify(alice, "like", "2")
    assert seen_unread is not None
    assert other is not None
    services.mark_read(user_id(alice), seen_unread.pk)
    seen_unread.delete()  # by somebody who had loaded it before it was read
    assert unread(alice) == 1


def test_the_letters_of_an_escaped_nul_are_ordinary_text(alice: Any) -> None:
    notify(alice, "like", r"C:\u0000 and \u0000")
    assert events(alice)[0][1]["message"] == r"C:\u0000 and \u0000"


def test_the_unread_count_costs_one_query_however_many_there_are(alice: Any) -> None:
    notify_many([alice], "news", "1")
    queries = []
    for _ in range(2):
        with CaptureQueriesContext(connections["default"]) as captured:
            unread(alice)
        queries.append(len(captured))
        for number in range(20):
            notify(alice, "like", str(number))
    assert queries == [1, 1]


@pytest.mark.django_db
def test_notify_many_costs_the_same_queries_however_many_it_tells() -> None:
    counts = []
    actor = make_user("dora")
    for number in (LEAST_COPIED, 2 * LEAST_COPIED):
        users = [make_user(f"user{number}x{index}") for index in range(number)]
        with CaptureQueriesContext(connections["default"]) as captured:
            notify_many(users, "news", "text", actor=actor)
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_writers_who_share_recipients_neither_deadlock_nor_miscount(
    alice: Any, bob: Any, carol: Any
) -> None:
    people = [alice, bob, carol]
    orders = [people, people[::-1], [bob, carol, alice], [carol, alice, bob]]
    errors: list[BaseException] = []

    def write(order: list[Any]) -> None:
        try:
            for _ in range(10):
                notify_many(order, "news", "text")
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    for user in people:
        counts = [payload["unread_count"] for _, payload in events(user)]
        assert counts == list(range(1, 41)), "each event carries the count after it"


@pytest.mark.django_db
def test_users_are_described_without_their_e_mail_address() -> None:
    user = make_user("dora")
    description = describe(user)
    assert description["id"] == str(user.pk)
    assert description["display_name"] == "Dora"
    assert "@" not in description["username"]
    assert isinstance(user.pk, int | UUID)
