"""Conversations, messages and presence in the admin."""

from __future__ import annotations

from typing import Any

import pytest

from messaging import services
from messaging.admin import transcript
from messaging.models import Message
from presence.services import set_status
from realtime.users import user_id
from tests.admin.staff import CONVERSATIONS, MESSAGES, PRESENCES, Staff
from tests.messaging.talk import group, pair, pk_of, say
from tests.people import login_name
from tests.presence.watching import connect


def shows(rows: list[str], *things: object, named: str = "{}") -> bool:
    """Whether these are the rows of a list, in this order."""
    return len(rows) == len(things) and all(
        f" {named.format(thing)} " in row for thing, row in zip(things, rows, strict=True)
    )


def test_a_row_names_the_first_participants(
    operator: Staff, alice: Any, bob: Any, carol: Any
) -> None:
    talk = group(alice, bob, carol, operator.user, title="Repair")
    (row,) = operator.rows(CONVERSATIONS)
    assert f"conversation {talk}" in row
    assert f"{login_name(alice)}, {login_name(bob)}, {login_name(carol)}, …" in row


def test_conversations_are_found_by_who_takes_part_and_by_id(
    operator: Staff, alice: Any, bob: Any, carol: Any
) -> None:
    two, three = pair(alice, bob), group(alice, bob, carol)
    for query, keys in (
        ({"participant": login_name(carol)}, [three]),
        ({"q": user_id(carol)}, [three]),
        ({"q": f"conv_{two}"}, [two]),
        ({"q": login_name(alice)}, [three, two]),
        ({"participant": "nobody"}, []),
    ):
        assert shows(operator.rows(CONVERSATIONS, **query), *keys, named="conversation {}"), query


def test_the_page_says_who_has_read_how_far(reader: Staff, alice: Any, bob: Any) -> None:
    talk = pair(alice, bob)
    first, _ = say(alice, talk, "One"), say(alice, talk, "Two")
    services.mark_read(user_id(bob), talk, message_ids=[pk_of(first)])
    page = reader.detail(CONVERSATIONS, talk)
    assert "1 of 2" in page
    assert "Messages 1 to 2 of 2" in page
    (one, two) = page.split(" One ")[1].split(" Two ")
    assert login_name(bob) in one
    assert "nobody" in two


def test_a_long_conversation_comes_in_pages(
    reader: Staff, alice: Any, bob: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcript, "PAGE", 2)
    talk = pair(alice, bob)
    for number in range(1, 6):
        say(alice, talk, f"number {number}")
    newest = reader.detail(CONVERSATIONS, talk)
    assert "Messages 4 to 5 of 5" in newest
    assert "number 3" not in newest
    assert "Older" in newest
    assert "Newer" not in newest
    middle = reader.detail(CONVERSATIONS, talk, before="4")
    assert "Messages 2 to 3 of 5" in middle
    assert "Newer" in middle
    oldest = reader.detail(CONVERSATIONS, talk, before="2")
    assert "Messages 1 to 1 of 5" in oldest
    assert "Older" not in oldest
    assert "Messages 4 to 5 of 5" in reader.detail(CONVERSATIONS, talk, before="x")
    assert reader.recorded()[1][1] == "Viewed the messages 2 to 3."


def test_deleted_messages_keep_their_place(reader: Staff, alice: Any, bob: Any) -> None:
    talk = pair(alice, bob)
    message = say(alice, talk, "Regretted")
    services.delete_message(user_id(alice), talk, pk_of(message))
    page = reader.detail(CONVERSATIONS, talk)
    assert "Messages 1 to 1 of 1" in page
    assert "deleted" in page
    assert "Regretted" not in page


def test_messages_are_found_by_sender_conversation_and_id(
    operator: Staff, alice: Any, bob: Any, carol: Any
) -> None:
    one, other = pair(alice, bob), pair(bob, carol)
    hers, his = say(alice, one, "Hello"), say(bob, other, "Hi")
    for query, messages in (
        ({"sender": login_name(alice)}, [hers]),
        ({"q": login_name(bob)}, [his]),
        ({"q": his.id}, [his]),
        ({"of": f"conv_{one}"}, [hers]),
        ({"of": str(other)}, [his]),
        ({"of": "none"}, []),
        ({"sender": "nobody"}, []),
    ):
        ids = [message.id for message in messages]
        assert shows(operator.rows(MESSAGES, **query), *ids), query


def test_a_message_s_page_says_who_has_read_it(operator: Staff, alice: Any, bob: Any) -> None:
    talk = pair(alice, bob)
    say(alice, talk, "Hello")
    services.mark_read(user_id(bob), talk)
    page = operator.detail(MESSAGES, Message.objects.get().pk)
    assert "Read by" in page
    assert str(bob) in page.split("Read by")[1]


def test_presence_is_found_by_user(operator: Staff, alice: Any, bob: Any) -> None:
    for user in (alice, bob):
        connect(user)
        set_status(user_id(user), "busy")
    (row,) = operator.rows(PRESENCES, q=login_name(bob))
    assert str(bob) in row
    assert "busy" in row
    assert "now" in row or "ago" in row
    assert len(operator.rows(PRESENCES)) == 2
    assert str(bob) in operator.detail(PRESENCES, bob.pk)
