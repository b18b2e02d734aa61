"""REST: conversations and their history, beside the events on the socket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from messaging import services
from messaging.models import Message
from realtime.users import user_id
from tests.clients import RestClient
from tests.messaging.talk import events, group, pair, say
from tests.people import make_user

LIST = "/api/v1/conversations"

As = Callable[[Any], Client]


@pytest.fixture
def client() -> As:
    """A client of somebody."""
    return RestClient


def url(conversation: int, what: str) -> str:
    return f"{LIST}/conv_{conversation}/{what}"


def post(client: Client, path: str, body: object = None) -> Any:
    return client.post(path, body or {}, content_type="application/json")


def refused(response: Any) -> tuple[int, str]:
    body = response.json()
    assert set(body) == {"code", "message", "details"}
    return response.status_code, body["code"]


# --- conversations -----------------------------------------------------------------------


def test_beginning_a_conversation_and_finding_it_again(client: As, alice: Any, bob: Any) -> None:
    first = post(client(alice), LIST, {"participant_ids": [user_id(bob)]})
    assert first.status_code == 201
    body = first.json()
    assert {person["id"] for person in body["participants"]} == {user_id(alice), user_id(bob)}
    assert (body["is_group"], body["last_message"], body["unread_count"]) == (False, None, 0)
    again = post(client(bob), LIST, {"participant_ids": [user_id(alice)], "title": "ignored"})
    assert again.status_code == 200
    assert again.json() == body


def test_beginning_a_group(client: As, alice: Any, bob: Any, carol: Any) -> None:
    body = {"participant_ids": [user_id(bob), user_id(carol)], "title": "Trip"}
    group = post(client(alice), LIST, body).json()
    assert (group["title"], group["is_group"], group["participant_count"]) == ("Trip", True, 3)
    assert post(client(alice), LIST, body).json()["id"] != group["id"]


NOBODY = [{}, [], {"participant_ids": []}, {"participant_ids": "x"}, {"participant_ids": [[]]}]


@pytest.mark.parametrize("body", NOBODY)
def test_a_malformed_body_is_refused(client: As, alice: Any, body: object) -> None:
    answer = client(alice).post(LIST, msgspec.json.encode(body), content_type="application/json")
    assert refused(answer) == (400, "INVALID_MESSAGE")


def test_unknown_people_are_not_found(client: As, alice: Any, bob: Any) -> None:
    unknown = user_id(bob)
    bob.delete()
    for id, error in ((unknown, (404, "NOT_FOUND")), ("nobody at all", (400, "INVALID_MESSAGE"))):
        assert refused(post(client(alice), LIST, {"participant_ids": [id]})) == error


def test_the_list_has_last_messages_and_unread_counts_latest_first(
    client: As, alice: Any, bob: Any, carol: Any
) -> None:
    with_bob, with_carol = pair(alice, bob), pair(alice, carol)
    say(bob, with_bob, "One")
    say(carol, with_carol, "Hi")
    last = say(bob, with_bob, "Two")
    pair(bob, carol)
    first, second = client(alice).get(LIST).json()["results"]
    assert [first["id"], second["id"]] == [f"conv_{with_bob}", f"conv_{with_carol}"]
    assert first["last_message"] == msgspec.to_builtins(last)
    assert (first["unread_count"], second["unread_count"]) == (2, 1)
    assert (first["last_position"], first["last_read_position"]) == (2, 0)
    services.mark_read(user_id(alice), with_bob)
    read = client(alice).get(LIST).json()["results"][0]
    assert (read["unread_count"], read["last_message"]["is_read"]) == (0, True)
    assert client(bob).get(LIST).json()["results"][1]["last_message"]["is_read"] is True


def test_the_list_is_paged(client: As, alice: Any, bob: Any, carol: Any) -> None:
    newest, oldest = pair(alice, bob), pair(alice, carol)
    say(bob, newest, "Later")
    first = client(alice).get(LIST, {"page_size": 1}).json()
    second = client(alice).get(first["next"]).json()
    ids = [page["results"][0]["id"] for page in (first, second)]
    assert ids == [f"conv_{newest}", f"conv_{oldest}"]
    assert second["next"] is None


def test_a_large_group_shows_the_first_who_joined_and_how_many(client: As, alice: Any) -> None:
    people = [make_user(f"user{number}") for number in range(12)]
    conversation = group(alice, *people)
    (entry,) = client(alice).get(LIST).json()["results"]
    assert entry["participant_count"] == 13
    shown = [person["id"] for person in entry["participants"]]
    assert shown == [user_id(user) for user in (alice, *people)][:10]
    everybody = client(alice).get(url(conversation, "participants")).json()["participants"]
    assert len(everybody) == 13


def test_who_came_in_late_sees_no_earlier_last_message(
    client: As, alice: Any, bob: Any, carol: Any
) -> None:
    conversation = group(alice, bob, make_user("dora"))
    say(alice, conversation, "before")
    services.add_participants(user_id(alice), conversation, [user_id(carol)])
    (entry,) = client(carol).get(LIST).json()["results"]
    assert (entry["last_message"], entry["unread_count"]) == (None, 0)


# --- messages ----------------------------------------------------------------------------


def test_saying_something_over_rest(client: As, alice: Any, bob: Any) -> None:
    messages = url(pair(alice, bob), "messages")
    body = {"content": "Hello", "client_id": str(uuid4()), "sender_id": user_id(bob)}
    answer = post(client(alice), messages, body)
    assert answer.status_code == 201
    assert answer.json() == events(bob, "message")[0][1]
    assert answer.json()["sender_id"] == user_id(alice)
    assert post(client(alice), messages, body).json() == answer.json()
    assert Message.objects.count() == 1


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"content": " "}',
        b'{"content": 7}',
        b'{"content": "\\u0000"}',
        b'{"content": "\\ud800"}',
        b'{"content": "x", "client_id": "msg_123"}',
        b"not JSON",
    ],
)
def test_what_cannot_be_sent_is_refused(client: As, alice: Any, bob: Any, body: bytes) -> None:
    messages = url(pair(alice, bob), "messages")
    answer = client(alice).post(messages, body, content_type="application/json")
    assert refused(answer) == (400, "INVALID_MESSAGE")
    assert not Message.objects.exists()


def test_the_history_is_newest_first_and_stays_put_while_it_grows(
    client: As, alice: Any, bob: Any
) -> None:
    conversation = pair(alice, bob)
    for number in range(5):
        say(alice, conversation, str(number))
    first = client(bob).get(url(conversation, "messages"), {"page_size": 2}).json()
    say(alice, conversation, "new")
    second = client(bob).get(first["next"]).json()
    pages = [[message["content"] for message in page["results"]] for page in (first, second)]
    assert pages == [["4", "3"], ["2", "1"]]
    assert first["results"][0] == events(bob, "message")[4][1]


def test_the_history_ends_where_the_stay_ends(client: As, alice: Any, bob: Any, carol: Any) -> None:
    conversation = group(alice, bob, make_user("dora"))
    say(alice, conversation, "before")
    services.add_participants(user_id(alice), conversation, [user_id(carol)])
    say(alice, conversation, "during")
    assert post(client(carol), url(conversation, "leave")).status_code == 204
    say(alice, conversation, "after")
    body = client(carol).get(url(conversation, "messages")).json()
    assert [message["content"] for message in body["results"]] == ["during"]
    assert client(carol).get(LIST).json()["results"] == []


def test_each_sees_whether_what_concerns_them_is_read(client: As, alice: Any, bob: Any) -> None:
    conversation = pair(alice, bob)
    first, second = say(alice, conversation, "1"), say(alice, conversation, "2")
    read = url(conversation, "read")
    answer = post(client(bob), read, {"message_ids": [second.id]}).json()
    assert (answer["message_ids"], answer["last_read_position"]) == ([second.id], 2)

    def marks(user: Any) -> list[bool]:
        body = client(user).get(url(conversation, "messages")).json()
        return [message["is_read"] for message in body["results"]]

    assert marks(alice) == [True, False], "there is a receipt for the second only"
    assert marks(bob) == [True, True], "he counts the first as read, too"
    assert post(client(bob), read, {"message_ids": [first.id]}).json()["message_ids"] == [first.id]
    assert marks(alice) == [True, True]


def test_reading_all_or_up_to_a_position(client: As, alice: Any, bob: Any) -> None:
    conversation = pair(alice, bob)
    ids = [say(alice, conversation, str(number)).id for number in range(3)]
    read = url(conversation, "read")
    assert post(client(bob), read, {"position": 1}).json()["message_ids"] == ids[:1]
    assert post(client(bob), read).json()["message_ids"] == ids[1:]
    for body in ({"position": -1}, {"message_ids": ["1"]}, {"message_ids": ["msg_1"] * 1001}):
        assert refused(post(client(bob), read, body)) == (400, "INVALID_MESSAGE")
    assert refused(post(client(bob), read, {"message_ids": ["msg_999999"]})) == (404, "NOT_FOUND")


# --- people ------------------------------------------------------------------------------


def test_adding_and_removing_people(client: As, alice: Any, bob: Any, carol: Any) -> None:
    conversation = group(alice, bob, make_user("dora"))
    people = url(conversation, "participants")
    answer = post(client(bob), people, {"participant_ids": [user_id(carol)]})
    assert answer.status_code == 200
    assert user_id(carol) in [person["id"] for person in answer.json()["participants"]]
    one = f"{people}/{user_id(carol)}"
    assert refused(client(bob).delete(one)) == (403, "FORBIDDEN")
    assert client(alice).delete(one).status_code == 204
    assert refused(client(alice).delete(one)) == (404, "NOT_FOUND")
    assert refused(client(carol).get(people)) == (404, "NOT_FOUND")
    assert refused(client(alice).delete(f"{people}/nobody at all")) == (400, "INVALID_MESSAGE")


@pytest.mark.parametrize("what", ["messages", "participants"])
def test_to_outsiders_a_conversation_does_not_exist(
    client: As, alice: Any, bob: Any, carol: Any, what: str
) -> None:
    conversation = group(alice, bob, make_user("dora"))
    for pk in (conversation, conversation + 1000):
        assert refused(client(carol).get(url(pk, what))) == (404, "NOT_FOUND")
        for path, body in (
            ("messages", {"content": "x"}),
            ("read", {}),
            ("leave", {}),
            ("participants", {"participant_ids": [user_id(carol)]}),
        ):
            assert refused(post(client(carol), url(pk, path), body)) == (404, "NOT_FOUND")
    answer = client(carol).delete(url(conversation, f"participants/{user_id(bob)}"))
    assert refused(answer) == (404, "NOT_FOUND")


@pytest.mark.parametrize("id", ["1", "conv_", "conv_x", "conv_-1", "conv_0", "msg_1"])
def test_a_malformed_id_is_refused(client: As, alice: Any, id: str) -> None:
    for path in ("messages", "participants"):
        assert refused(client(alice).get(f"{LIST}/{id}/{path}")) == (400, "INVALID_MESSAGE")
    for path in ("messages", "read", "leave"):
        answer = post(client(alice), f"{LIST}/{id}/{path}", {"content": "x"})
        assert refused(answer) == (400, "INVALID_MESSAGE")


def test_a_token_is_needed(alice: Any, bob: Any) -> None:
    assert refused(RestClient().get(LIST)) == (401, "MISSING_TOKEN")
    assert refused(RestClient().get(url(pair(alice, bob), "messages"))) == (401, "MISSING_TOKEN")


# --- costs -------------------------------------------------------------------------------


def test_the_list_costs_the_same_queries_however_much_there_is(client: As, alice: Any) -> None:
    browser, costs = client(alice), []
    for size in (1, 15):
        for number in range(size):
            people = [make_user(f"user{size}x{number}x{place}") for place in range(2)]
            conversation = group(alice, *people) if number % 2 else pair(alice, people[0])
            for _ in range(3):
                say(people[0], conversation, "Hello")
        with CaptureQueriesContext(connection) as captured:
            browser.get(LIST)
        costs.append(len(captured))
    # The token's user, the page with its counts, mutes, last messages, participants.
    assert costs == [5, 5]


def test_a_page_of_history_costs_the_same_queries_however_long_it_is(
    client: As, alice: Any, bob: Any, carol: Any
) -> None:
    conversation, browser, costs = group(alice, bob, carol), client(alice), []
    for number in (1, 15):
        for _ in range(number):
            say(bob, conversation, "Hello")
            say(carol, conversation, "Hello")
            say(alice, conversation, "Hello")
        services.mark_read(user_id(bob), conversation)
        with CaptureQueriesContext(connection) as captured:
            browser.get(url(conversation, "messages"))
        costs.append(len(captured))
    assert costs == [3, 3]  # the token's user, the stays, the page


# --- deleting and muting -----------------------------------------------------------------


def test_taking_a_message_back(client: As, alice: Any, bob: Any, carol: Any) -> None:
    conversation = pair(alice, bob)
    path = url(conversation, f"messages/{say(alice, conversation, 'Oh no').id}")
    for user, error in ((bob, (403, "FORBIDDEN")), (carol, (404, "NOT_FOUND"))):
        assert refused(client(user).delete(path)) == error
    answer = client(alice).delete(path)
    assert (answer.status_code, answer.json()["content"]) == (200, "")
    [listed] = client(bob).get(url(conversation, "messages")).json()["results"]
    assert (listed["content"], listed["deleted_at"]) == ("", answer.json()["deleted_at"])
    [summary] = client(bob).get(LIST).json()["results"]
    assert (summary["unread_count"], summary["last_message"]["content"]) == (0, "")
    assert refused(client(alice).delete(url(conversation, "messages/7")))[0] == 400


def test_muting_a_conversation(client: As, alice: Any, bob: Any, carol: Any) -> None:
    conversation = pair(alice, bob)
    assert refused(client(carol).put(url(conversation, "mute"))) == (404, "NOT_FOUND")
    assert client(bob).put(url(conversation, "mute")).status_code == 204
    assert client(bob).get(LIST).json()["results"][0]["muted"] is True
    assert client(alice).get(LIST).json()["results"][0]["muted"] is False
    assert client(bob).delete(url(conversation, "mute")).status_code == 204
    assert client(bob).get(LIST).json()["results"][0]["muted"] is False
