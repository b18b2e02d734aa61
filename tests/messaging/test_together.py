"""Messages of many senders in one transaction."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from messaging.events import MessagePayload
from messaging.models import Message
from messaging.sending import Send, send_together
from notifications.models import Notification
from realtime.models import OutboxEvent
from realtime.together import ALONE
from tests.messaging.talk import group, pair, say
from tests.notifications.test_services import events, unread


def send(user: Any, conversation: int, content: str = "Hello", **client: Any) -> Send:
    return Send(user.pk, conversation, content, client.get("client_id"))


def greeted(*users: Any) -> None:
    """Make the inboxes that first notifications make."""
    for one in users:
        for other in users:
            if one != other:
                say(one, pair(one, other), "first")


def test_each_gets_its_place_and_everybody_is_told(alice: Any, bob: Any, carol: Any) -> None:
    greeted(alice, bob, carol)
    before = OutboxEvent.objects.count()
    first, second = pair(alice, carol), pair(bob, carol)
    sends = [send(alice, first, "from Alice"), send(bob, second, "from Bob")]
    outcomes = send_together(sends)
    assert OutboxEvent.objects.count() == before + 2
    for sender, sent, outcome in zip((alice, bob), sends, outcomes, strict=True):
        assert isinstance(outcome, MessagePayload)
        assert outcome.position == 3
        assert outcome.sender_id == str(sender.pk)
        assert [
            payload["content"]
            for type, payload in events(carol)
            if type == "message" and payload["id"] == outcome.id
        ] == [sent.content]
        notification = Notification.objects.get(
            recipient=carol, coalesce_key=f"conversation:conv_{sent.conversation_pk}"
        )
        assert notification.extra["message_id"] == outcome.id
        assert notification.actor == sender
    assert unread(carol) == 2


def test_two_who_write_to_one_count_twice(alice: Any, bob: Any, carol: Any) -> None:
    greeted(alice, bob, carol)
    Notification.objects.all().delete()
    count = unread(carol)
    send_together([send(alice, pair(alice, carol)), send(bob, pair(bob, carol))])
    assert unread(carol) == count + 2
    told = [payload for type, payload in events(carol) if type == "notification"]
    assert [payload["unread_count"] for payload in told[-2:]] == [count + 2] * 2


def test_a_hook_that_fails_for_one_of_them_is_left_to_that_one(
    alice: Any, bob: Any, carol: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    greeted(alice, bob, carol)

    def may_message(one: str, other: str) -> bool:
        if one == str(bob.pk):
            raise ZeroDivisionError
        return True

    before = Message.objects.count()
    sends = [send(alice, pair(alice, carol)), send(bob, pair(bob, carol))]
    monkeypatch.setattr("messaging.membership.hook", lambda name: may_message)
    assert send_together(sends) == [ALONE, ALONE]
    assert Message.objects.count() == before


def test_a_slow_hook_keeps_no_locks_for_long(
    alice: Any, bob: Any, carol: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    greeted(alice, bob, carol)
    # The first one's answer takes all the time that there is for asking.
    monkeypatch.setattr("messaging.sending.HOOK_SECONDS", 0)
    monkeypatch.setattr("messaging.sending.monotonic", iter([0, 0, 1, 2]).__next__)
    sends = [send(alice, pair(alice, carol)), send(bob, pair(bob, carol))]
    outcomes = send_together(sends)
    assert isinstance(outcomes[0], MessagePayload)
    assert outcomes[1] is ALONE


def test_the_second_in_one_conversation_is_left_to_itself(alice: Any, bob: Any) -> None:
    greeted(alice, bob)
    conversation = pair(alice, bob)
    outcomes = send_together([send(alice, conversation), send(bob, conversation)])
    assert isinstance(outcomes[0], MessagePayload)
    assert outcomes[1] is ALONE
    assert Message.objects.filter(conversation=conversation).count() == 3


def test_what_is_refused_or_repeated_is_left_to_itself_and_stops_nobody(
    alice: Any, bob: Any, carol: Any
) -> None:
    greeted(alice, bob, carol)
    used = uuid4()
    say(bob, pair(bob, alice), "sent before", client_id=used)
    before = Message.objects.count()
    outcomes = send_together(
        [
            send(carol, pair(alice, bob)),  # an outsider
            send(bob, pair(bob, carol), "again", client_id=used),
            send(alice, pair(alice, carol), "fine", client_id=uuid4()),
            send(carol, 10**9),
        ]
    )
    assert [outcome is ALONE for outcome in outcomes] == [True, True, False, True]
    assert Message.objects.count() == before + 1
    assert Message.objects.order_by("pk").last().content == "fine"  # type: ignore[union-attr]


def test_who_has_no_inbox_yet_gets_one_by_the_other_way(alice: Any, bob: Any) -> None:
    assert send_together([send(alice, pair(alice, bob))]) == [ALONE]
    assert not Message.objects.exists()


def test_all_members_of_a_group_but_the_sender_are_notified(
    alice: Any, bob: Any, carol: Any
) -> None:
    greeted(alice, bob, carol)
    conversation = group(alice, bob, carol)
    key = f"conversation:conv_{conversation}"
    send_together([send(alice, conversation, "to all")])
    told = Notification.objects.filter(coalesce_key=key)
    assert set(told.values_list("recipient", flat=True)) == {bob.pk, carol.pk}
