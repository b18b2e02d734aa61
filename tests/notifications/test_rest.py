"""REST: state, beside the events on the socket."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from notifications.services import notify, notify_many
from tests.clients import RestClient

LIST = "/api/v1/notifications"


@pytest.fixture
def client(alice: Any) -> Client:
    """Alice's client."""
    return RestClient(alice)


def refused(response: Any) -> tuple[int, str]:
    body = response.json()
    assert set(body) == {"code", "message", "details"}
    return response.status_code, body["code"]


def test_the_list_is_newest_first_and_only_one_s_own(client: Client, alice: Any, bob: Any) -> None:
    for number in range(3):
        notify(alice, "like", str(number), actor=bob)
    notify(bob, "like", "for bob")
    body = client.get(LIST).json()
    assert [item["message"] for item in body["results"]] == ["2", "1", "0"]
    assert set(body["results"][0]) == {
        "id", "type", "actor_id", "actor_name", "message", "post_id", "read", "created_at",
    }  # fmt: skip


def test_pages_stay_put_while_the_list_grows(client: Client, alice: Any) -> None:
    for number in range(5):
        notify(alice, "like", str(number))
    first = client.get(LIST, {"page_size": 2}).json()
    notify(alice, "like", "new")
    second = client.get(first["next"]).json()
    assert [item["message"] for item in first["results"]] == ["4", "3"]
    assert [item["message"] for item in second["results"]] == ["2", "1"]


def test_the_unread_can_be_listed_alone(client: Client, alice: Any) -> None:
    read, unread = notify(alice, "like", "read"), notify(alice, "like", "unread")
    assert read is not None
    assert unread is not None
    response = client.post(f"{LIST}/notif_{read.pk}/read")
    assert response.json()["unread_count"] == 1
    body = client.get(LIST, {"unread": "true"}).json()
    assert [item["message"] for item in body["results"]] == ["unread"]
    both = client.get(LIST).json()["results"]
    assert [item["read"] for item in both] == [False, True]
    assert refused(client.get(LIST, {"unread": "perhaps"})) == (400, "INVALID_MESSAGE")


def test_counting_and_reading_all(client: Client, alice: Any) -> None:
    notify(alice, "like", "1")
    notify(alice, "like", "2")
    assert client.get(f"{LIST}/unread-count").json() == {"unread_count": 2}
    assert client.post(f"{LIST}/read-all").json()["unread_count"] == 0
    assert client.get(f"{LIST}/unread-count").json() == {"unread_count": 0}


def test_what_is_not_one_s_own_does_not_exist(client: Client, bob: Any) -> None:
    notification = notify(bob, "like", "for bob")
    assert notification is not None
    assert refused(client.post(f"{LIST}/notif_{notification.pk}/read")) == (404, "NOT_FOUND")
    assert refused(client.post(f"{LIST}/notif_999999/read")) == (404, "NOT_FOUND")


@pytest.mark.parametrize("id", ["1", "notif_", "notif_x", "notif_-1", "notif_0", "conv_1"])
def test_a_malformed_id_is_refused(client: Client, id: str) -> None:
    assert refused(client.post(f"{LIST}/{id}/read")) == (400, "INVALID_MESSAGE")


def test_a_token_is_needed_and_the_method_has_to_be_right(client: Client) -> None:
    assert refused(RestClient().get(LIST)) == (401, "MISSING_TOKEN")
    wrong = Client(headers={"Authorization": "Bearer x"})
    assert refused(wrong.get(LIST)) == (401, "INVALID_TOKEN")
    assert refused(client.delete(LIST)) == (405, "INVALID_MESSAGE")
    assert refused(client.get("/api/v1/nothing")) == (404, "NOT_FOUND")


def test_a_session_will_do_for_reading_and_needs_csrf_for_writing(alice: Any) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    assert browser.get(LIST).status_code == 200
    assert refused(browser.post(f"{LIST}/read-all")) == (403, "FORBIDDEN")


def test_a_page_costs_the_same_queries_however_long_it_is(
    client: Client, alice: Any, bob: Any, carol: Any
) -> None:
    notify_many([alice], "news", "1")
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as captured:
            client.get(LIST)
        counts.append(len(captured))
        for actor in (bob, carol) * 10:
            notify(alice, "like", "text", actor=actor)
    assert counts == [2, 2]  # the token's user, the page


@pytest.mark.parametrize("origin", ["https://app.example.org", "https://evil.example"])
@pytest.mark.options(ALLOWED_ORIGINS=["https://app.example.org"])
def test_cors_follows_the_allowed_origins(client: Client, origin: str) -> None:
    allowed = origin == "https://app.example.org"
    preflight = client.options(
        LIST, headers={"Origin": origin, "Access-Control-Request-Method": "GET"}
    )
    assert preflight.status_code == 204
    response = client.get(LIST, headers={"Origin": origin})
    for answer in (preflight, response):
        assert answer.get("Access-Control-Allow-Origin") == (origin if allowed else None)
        assert "Origin" in answer["Vary"]
    if allowed:
        assert "authorization" in preflight["Access-Control-Allow-Headers"]
        exposed = response["Access-Control-Expose-Headers"]
        assert "X-RateLimit-Remaining" in exposed
        assert "Retry-After" in exposed
    assert "Access-Control-Allow-Origin" not in client.get("/", headers={"Origin": origin})
