"""Saying something: what is stored, who is told, and what is refused."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import msgspec
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from messaging import services
from messaging.models import Conversation, Message
from messaging.texts import excerpt
from realtime.users import user_id
from tests.messaging.talk import events, group, heard, pair, refusal, say, unread
from tests.people import make_user


def never(sender_id: str, recipient_id: str) -> bool:
    """A site's `MAY_MESSAGE`."""
    return False


def test_a_message_is_stored_and_told_with_every_field_of_the_reference(
    alice: Any, bob: Any
) -> None:
    conversation = pair(alice, bob)
    payload = say(alice, conversation, "Hello!")
    stored = Message.objects.get()
    assert (stored.sender, stored.content, stored.position) == (alice, "Hello!", 1)
    assert Conversation.objects.get().last_position == 1
    expected = {
        "id": f"msg_{stored.pk}",
        "conversation_id": f"conv_{conversation}",
        "sender_id": user_id(alice),
        "content": "Hello!",
        "created_at": msgspec.to_builtins(stored.created_at),
        "is_read": False,
        "position": 1,
    }
    for user in (alice, bob):
        assert [type for type, _ in events(user, "message")] == ["message"]
        told = events(user, "message")[0][1]
        assert told == msgspec.to_builtins(payload)
        sender = told.pop("sender")
        assert set(sender) == {"id", "username", "display_name", "avatar_url"}
        assert (sender["id"], sender["display_name"]) == (user_id(alice), "Alice")
        assert told == expected


def test_outsiders_neither_send_nor_hear(alice: Any, bob: Any, carol: Any) -> None:
    conversation = pair(alice, bob)
    say(alice, conversation, "Hello")
    assert refusal(say, carol, conversation, "Me too") == "NOT_FOUND"
    assert refusal(say, carol, conversation + 1000, "Anybody?") == "NOT_FOUND"
    assert events(carol) == []
    assert Message.objects.count() == 1


@pytest.mark.parametrize(
    "content",
    ["", "   \n", "x" * 5001, "NUL \x00", "surrogate \ud800"],
    ids=["empty", "blank", "long", "nul", "surrogate"],
)
def test_content_that_cannot_be_sent_is_refused(alice: Any, bob: Any, content: str) -> None:
    conversation = pair(alice, bob)
    assert refusal(say, alice, conversation, content) == "INVALID_MESSAGE"
    assert not Message.objects.exists()


@pytest.mark.parametrize("content", ["x", "🦊" * 5000, "  kept as it is \n", "<b>&\\u0000"])
def test_content_is_kept_as_it_was_written(alice: Any, bob: Any, content: str) -> None:
    say(alice, pair(alice, bob), content)
    assert Message.objects.get().content == content
    assert heard(bob) == [content]


def test_the_same_client_id_sends_once_and_answers_the_same(alice: Any, bob: Any) -> None:
    conversation, client_id = pair(alice, bob), uuid4()
    first = say(alice, conversation, "Hello", client_id=client_id)
    say(bob, conversation, "Hi")
    services.mark_read(user_id(bob), conversation)
    assert say(alice, conversation, "Hello", client_id=client_id) == first
    assert heard(bob) == ["Hello", "Hi"]
    services.leave(user_id(alice), conversation)
    assert say(alice, conversation, "Hello", client_id=client_id) == first


def test_a_client_id_stands_for_one_message(alice: Any, bob: Any, carol: Any) -> None:
    conversation, other, client_id = pair(alice, bob), pair(alice, carol), uuid4()
    say(alice, conversation, "Hello", client_id=client_id)
    again = {"client_id": client_id}
    assert refusal(say, alice, conversation, "Other words", **again) == "INVALID_MESSAGE"
    assert refusal(say, alice, other, "Hello", **again) == "INVALID_MESSAGE"
    say(bob, conversation, "Hello", client_id=client_id)  # another sender, another key
    assert Message.objects.count() == 2


def test_what_is_rolled_back_was_never_said(alice: Any, bob: Any) -> None:
    conversation = pair(alice, bob)
    with transaction.atomic():
        say(alice, conversation, "Never")
        transaction.set_rollback(True)
    say(alice, conversation, "Hello")
    assert heard(bob) == ["Hello"]
    assert Message.objects.get().position == 1


def test_the_site_decides_who_may_write_to_whom(
    alice: Any, bob: Any, carol: Any, settings: Any
) -> None:
    conversation, trio = pair(alice, bob), group(alice, bob, carol)
    settings.REALTIME = {**settings.REALTIME, "MAY_MESSAGE": f"{__name__}.never"}
    assert refusal(say, alice, conversation, "Hello") == "FORBIDDEN"
    assert refusal(pair, alice, bob) == "FORBIDDEN"
    say(alice, trio, "Groups ask when somebody is added")
    dora = make_user("dora")
    added = refusal(services.add_participants, user_id(alice), trio, [user_id(dora)])
    assert added == "FORBIDDEN"


# --- the notification ----------------------------------------------------------------


def test_one_unread_notification_stands_for_a_conversation(alice: Any, bob: Any) -> None:
    conversation = pair(alice, bob)
    first = say(alice, conversation, "One")
    say(alice, conversation, "Two")
    told = [payload for _, payload in events(bob, "notification")]
    assert [payload["message"] for payload in told] == ["Alice: One"]
    assert told[0]["type"] == "message"
    assert told[0]["actor_id"] == user_id(alice)
    assert told[0]["unread_count"] == 1
    assert told[0]["extra"] == {
        "conversation_id": f"conv_{conversation}",
        "message_id": first.id,
    }
    assert events(alice, "notification") == [], "nobody is notified of their own acts"


def test_reading_the_conversation_reads_its_notification(alice: Any, bob: Any) -> None:
    conversation = pair(alice, bob)
    say(alice, conversation, "One")
    services.mark_read(user_id(bob), conversation)
    say(alice, conversation, "Two")
    told = events(bob, "notification", "notification_read")
    assert [type for type, _ in told] == ["notification", "notification_read", "notification"]
    assert [payload["unread_count"] for _, payload in told] == [1, 0, 1]
    assert told[1][1]["notification_id"] == told[0][1]["id"]


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ("Hello", "Hello"),
        ("two\n\nlines", "two lines"),
        ("x" * 100, "x" * 100),
        ("x" * 101, "x" * 99 + "…"),
        (" " * 150 + "y" * 60, "y" * 50 + "…"),
    ],
)
def test_a_notification_shows_the_beginning_only(content: str, shown: str) -> None:
    assert excerpt(content) == shown


# --- costs -----------------------------------------------------------------------------


def queries_of_a_message(sender: Any, conversation: int) -> int:
    with CaptureQueriesContext(connection) as captured:
        say(sender, conversation, "Hello")
    return len(captured)


def test_a_message_costs_the_same_queries_however_many_hear_it(alice: Any) -> None:
    costs = []
    for size in (3, 40):
        people = [make_user(f"user{size}x{number}") for number in range(size)]
        conversation = group(alice, *people)
        say(alice, conversation, "the first, which makes inboxes")
        for person in people[:2]:  # who has read it is notified anew
            services.mark_read(user_id(person), conversation)
        costs.append(queries_of_a_message(alice, conversation))
    assert costs[0] == costs[1]


def test_a_message_costs_the_same_queries_however_long_the_history(alice: Any, bob: Any) -> None:
    conversation = pair(alice, bob)
    costs = []
    for number in (1, 30):
        for _ in range(number):
            say(alice, conversation, "Hello")
        costs.append(queries_of_a_message(alice, conversation))
    assert costs[0] == costs[1]


def test_counting_the_unread_costs_one_query_however_many_conversations(alice: Any) -> None:
    costs = []
    for size in (1, 8):
        for number in range(size):
            other = make_user(f"user{size}x{number}")
            conversation = pair(alice, other)
            say(other, conversation, "one")
            say(other, conversation, "two")
            say(alice, conversation, "three")
        with CaptureQueriesContext(connection) as captured:
            counts = services.unread_counts(user_id(alice))
        costs.append(len(captured))
    assert costs == [1, 1]
    assert set(counts.values()) == {2}
    assert len(counts) == 9
    assert unread(alice, conversation) == 2
