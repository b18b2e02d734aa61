"""Reading: receipts, read marks and unread counts."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from messaging import services
from messaging.models import ReadReceipt
from realtime.users import user_id
from tests.messaging.talk import events, group, pair, pk_of, refusal, say, unread
from tests.people import make_user


def read(user: Any, conversation: int, *messages: Any) -> Any:
    pks = [pk_of(message) for message in messages]
    return services.mark_read(user_id(user), conversation, message_ids=pks)


def test_the_participants_are_told_what_is_newly_read(alice: Any, bob: Any) -> None:
    conversation = pair(alice, bob)
    one, two, three = (say(alice, conversation, text) for text in ("1", "2", "3"))
    assert unread(bob, conversation) == 3
    read(bob, conversation, one)
    event = read(bob, conversation, three, two, one)
    assert event.message_ids == [two.id, three.id], "oldest first, without what was read before"
    told = events(alice, "read_receipt")
    assert told == events(bob, "read_receipt")
    assert [payload["message_ids"] for _, payload in told] == [[one.id], [two.id, three.id]]
    assert told[1][1].pop("read_at").endswith("Z")
    assert told[1][1] == {
        "conversation_id": f"conv_{conversation}",
        "message_ids": [two.id, three.id],
        "user_id": user_id(bob),
        "last_read_position": 3,
    }
    assert unread(bob, conversation) == 0


def test_reading_again_changes_and_tells_nothing(alice: Any, bob: Any) -> None:
    conversation = pair(alice, bob)
    message = say(alice, conversation, "Hello")
    read(bob, conversation, message)
    before = ReadReceipt.objects.get().read_at
    assert read(bob, conversation, message).message_ids == []
    assert services.mark_read(user_id(bob), conversation).message_ids == []
    assert len(events(alice, "read_receipt")) == 1
    assert ReadReceipt.objects.get().read_at == before


def test_one_s_own_messages_are_not_read(alice: Any, bob: Any) -> None:
    conversation = pair(alice, bob)
    message = say(alice, conversation, "Hello")
    assert unread(alice, conversation) == 0
    assert read(alice, conversation, message).message_ids == []
    assert events(bob, "read_receipt") == []
    assert unread(bob, conversation) == 1


def test_the_newest_that_was_read_is_how_far_one_has_read(alice: Any, bob: Any) -> None:
    conversation = pair(alice, bob)
    messages = [say(alice, conversation, text) for text in "1234"]
    assert read(bob, conversation, messages[2]).last_read_position == 3
    assert unread(bob, conversation) == 1
    assert read(bob, conversation, messages[0]).last_read_position == 3, "it never moves back"


def test_reading_up_to_a_position(alice: Any, bob: Any) -> None:
    conversation = pair(alice, bob)
    messages = [say(alice, conversation, text) for text in "1234"]

    def upto(position: int | None) -> list[str]:
        return services.mark_read(user_id(bob), conversation, position=position).message_ids

    assert upto(0) == []
    assert upto(2) == [message.id for message in messages[:2]]
    assert upto(None) == [message.id for message in messages[2:]]
    say(alice, conversation, "5")
    assert len(upto(10**6)) == 1
    say(alice, conversation, "6")
    assert unread(bob, conversation) == 1, "what was not said yet was not read"


def test_receipts_for_very_much_at_once_are_for_the_newest(
    alice: Any, bob: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("messaging.receipts.MAX_MESSAGE_IDS", 2)
    conversation = pair(alice, bob)
    messages = [say(alice, conversation, text) for text in "123"]
    event = services.mark_read(user_id(bob), conversation)
    assert event.message_ids == [message.id for message in messages[1:]]
    assert unread(bob, conversation) == 0
    assert refusal(read, bob, conversation, *messages) == "INVALID_MESSAGE"


def test_only_messages_that_one_may_see_can_be_read(alice: Any, bob: Any, carol: Any) -> None:
    dora = make_user("dora")
    conversation = group(alice, bob, dora)
    before = say(alice, conversation, "before")
    services.add_participants(user_id(alice), conversation, [user_id(carol)])
    after = say(alice, conversation, "after")
    elsewhere = say(alice, pair(alice, carol), "elsewhere")
    assert refusal(read, carol, conversation, after, before) == "NOT_FOUND"
    assert refusal(read, carol, conversation, after, elsewhere) == "NOT_FOUND"
    assert not ReadReceipt.objects.exists(), "all or nothing"
    assert services.mark_read(user_id(carol), conversation).message_ids == [after.id]
    outsider = make_user("eve")
    assert refusal(read, outsider, conversation, after) == "NOT_FOUND"


def test_who_came_later_is_not_told_of_what_was_before(alice: Any, bob: Any, carol: Any) -> None:
    conversation = group(alice, bob, make_user("dora"))
    before = say(alice, conversation, "before")
    services.add_participants(user_id(alice), conversation, [user_id(carol)])
    read(bob, conversation, before)
    assert len(events(alice, "read_receipt")) == 1
    assert events(carol, "read_receipt") == []
    read(bob, conversation, say(alice, conversation, "after"))
    assert len(events(carol, "read_receipt")) == 1


def test_the_read_position_never_moves_in_silence(alice: Any, bob: Any) -> None:
    conversation = pair(alice, bob)
    say(alice, conversation, "1")
    say(bob, conversation, "2")
    for position in (None, 2):
        answer = services.mark_read(user_id(bob), conversation, position=position)
        assert answer.last_read_position == 1
    [(_, told)] = events(bob, "read_receipt")
    assert told["last_read_position"] == 1
    assert unread(bob, conversation) == 0


def test_reading_costs_the_same_queries_however_much_is_read(alice: Any, bob: Any) -> None:
    conversation = pair(alice, bob)
    costs = []
    for number in (1, 40):
        for _ in range(number):
            say(alice, conversation, "Hello")
        with CaptureQueriesContext(connection) as captured:
            assert len(services.mark_read(user_id(bob), conversation).message_ids) == number
        costs.append(len(captured))
    assert costs[0] == costs[1]
