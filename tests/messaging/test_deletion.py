"""Deleting a message, or the account that wrote it: its content is nowhere any more."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import msgspec
import pytest

from messaging import services
from messaging.models import Message, ReadReceipt
from notifications.models import Notification
from realtime import relay
from realtime.models import Event, OutboxEvent
from realtime.users import user_id
from tests.messaging.talk import events, group, pair, pk_of, refusal, say, unread
from tests.people import make_user

SECRET = "the secret word"


def everywhere() -> str:
    """All text that is stored anywhere."""
    relay.drain()
    rows = [
        list(Event.objects.values_list("payload")),
        list(OutboxEvent.objects.values_list("payload")),
        list(Message.objects.values_list("content")),
        list(Notification.objects.values_list("message", "params", "extra")),
    ]
    return msgspec.json.encode(rows).decode()


def delete(user: Any, conversation: int, message: Any) -> Any:
    return services.delete_message(user_id(user), conversation, pk_of(message))


def notified(user: Any) -> list[str]:
    rows = Notification.objects.filter(recipient=user, read_at=None)
    return list(rows.values_list("message", flat=True))


def test_a_deleted_message_leaves_its_place_and_no_content(alice: Any, bob: Any) -> None:
    conversation = pair(alice, bob)
    said = say(alice, conversation, SECRET)
    relay.drain()
    assert everywhere().count(SECRET) > 3
    deleted = delete(alice, conversation, said)
    assert SECRET not in everywhere()
    assert (deleted.id, deleted.position, deleted.content) == (said.id, said.position, "")
    assert deleted.deleted_at is not None
    after = say(alice, conversation, "next")
    assert after.position == said.position + 1


def test_its_content_goes_also_when_it_was_not_relayed_yet(alice: Any, bob: Any) -> None:
    conversation = pair(alice, bob)
    delete(alice, conversation, say(alice, conversation, SECRET))
    assert SECRET not in everywhere()


def test_the_others_are_told_and_count_it_no_more(alice: Any, bob: Any) -> None:
    conversation = pair(alice, bob)
    said = say(alice, conversation, SECRET)
    deleted = delete(alice, conversation, said)
    assert unread(bob, conversation) == 0
    for user in (alice, bob):
        [(_, payload)] = events(user, "message_deleted")
        assert payload["message_ids"] == [said.id]
        assert payload["conversation_id"] == said.conversation_id
    assert deleted.deleted_at is not None


def test_deleting_again_changes_nothing(alice: Any, bob: Any) -> None:
    conversation = pair(alice, bob)
    said = say(alice, conversation, SECRET)
    first = delete(alice, conversation, said)
    assert delete(alice, conversation, said) == first
    assert len(events(bob, "message_deleted")) == 1


def test_a_client_that_sends_it_again_does_not_bring_it_back(alice: Any, bob: Any) -> None:
    conversation, client_id = pair(alice, bob), uuid4()
    said = say(alice, conversation, SECRET, client_id=client_id)
    deleted = delete(alice, conversation, said)
    assert say(alice, conversation, SECRET, client_id=client_id) == deleted
    assert SECRET not in everywhere()


def test_only_who_wrote_a_message_deletes_it(alice: Any, bob: Any, carol: Any) -> None:
    conversation = pair(alice, bob)
    said = say(alice, conversation, "Hello")
    assert refusal(delete, bob, conversation, said) == "FORBIDDEN"
    assert refusal(delete, carol, conversation, said) == "NOT_FOUND"
    assert refusal(delete, alice, pair(alice, carol), said) == "NOT_FOUND"
    services.leave(user_id(alice), conversation)
    assert refusal(delete, alice, conversation, said) == "NOT_FOUND"
    assert Message.objects.get(pk=pk_of(said)).content == "Hello"


def test_the_notification_tells_of_what_is_left_to_read(alice: Any, bob: Any) -> None:
    conversation = pair(alice, bob)
    say(alice, conversation, "kept")
    said = say(alice, conversation, SECRET)
    delete(alice, conversation, said)
    assert notified(bob) == ["Alice: kept"]
    assert events(bob, "notification")[-1][1]["message"] == "Alice: kept", "at once"


def test_the_notification_is_over_where_nothing_is_left(alice: Any, bob: Any) -> None:
    conversation = pair(alice, bob)
    delete(alice, conversation, say(alice, conversation, SECRET))
    assert notified(bob) == []
    assert events(bob, "notification_read")[-1][1]["unread_count"] == 0


def test_who_came_later_hears_nothing_of_it(alice: Any, bob: Any, carol: Any) -> None:
    conversation = group(alice, bob, make_user("dave"))
    said = say(alice, conversation, SECRET)
    services.add_participants(user_id(alice), conversation, [user_id(carol)])
    delete(alice, conversation, said)
    assert events(carol, "message_deleted") == []


def test_with_an_account_goes_what_it_has_said_everywhere(alice: Any, bob: Any, carol: Any) -> None:
    two, three = pair(alice, bob), group(carol, alice, bob)
    for conversation in (two, three):
        say(bob, conversation, SECRET)
        say(alice, conversation, "Hello Bob")
        say(bob, conversation, SECRET)
    services.leave(user_id(bob), two)
    relay.drain()
    bob_id = user_id(bob)
    bob.delete()
    assert SECRET not in everywhere()
    contents = Message.objects.filter(conversation=three).order_by("position")
    assert list(contents.values_list("content", flat=True)) == ["", "Hello Bob", ""]
    for user in (alice, carol):
        assert [payload["user_id"] for _, payload in events(user, "participant_left")][-1] == bob_id
        assert len(events(user, "message_deleted")[-1][1]["message_ids"]) == 2
    assert unread(carol, three) == 1
    assert notified(carol) == ["Alice: Hello Bob"]


def test_an_account_that_has_said_much_is_deleted_in_few_events(
    alice: Any, bob: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("messaging.deletion.MAX_MESSAGE_IDS", 2)
    conversation = pair(alice, bob)
    for number in range(5):
        say(bob, conversation, f"{SECRET} {number}")
    bob.delete()
    told = [len(payload["message_ids"]) for _, payload in events(alice, "message_deleted")]
    assert told == [2, 2, 1]
    assert SECRET not in everywhere()


def test_a_row_deleted_by_the_site_itself_is_told_and_erased(alice: Any, bob: Any) -> None:
    conversation = pair(alice, bob)
    said = say(alice, conversation, SECRET)
    Message.objects.filter(pk=pk_of(said)).delete()
    assert SECRET not in everywhere()
    assert [payload["message_ids"] for _, payload in events(bob, "message_deleted")] == [[said.id]]


def test_a_conversation_deleted_by_the_site_leaves_nothing(alice: Any, bob: Any) -> None:
    conversation = pair(alice, bob)
    say(alice, conversation, SECRET)
    services.mark_read(user_id(bob), conversation)
    Message.objects.get().conversation.delete()
    assert SECRET not in everywhere()
    assert not ReadReceipt.objects.exists()


def test_a_muted_conversation_notifies_no_more_and_says_so(alice: Any, bob: Any) -> None:
    conversation = pair(alice, bob)
    services.mute(user_id(bob), conversation)
    say(alice, conversation, "Hello")
    assert notified(bob) == []
    assert unread(bob, conversation) == 1
    assert [type for type, _ in events(bob, "message", "mutes_changed")] == [
        "mutes_changed",
        "message",
    ]
    services.unmute(user_id(bob), conversation)
    say(alice, conversation, "Hello?")
    assert notified(bob) == ["Alice: Hello?"]


def test_strangers_cannot_mute_a_conversation(alice: Any, bob: Any, carol: Any) -> None:
    assert refusal(services.mute, user_id(carol), pair(alice, bob)) == "NOT_FOUND"
