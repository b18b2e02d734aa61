"""REST: state, beside the events on the socket."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from presence import services
from realtime.users import user_id
from tests.clients import RestClient
from tests.people import make_user
from tests.presence.watching import connect, statuses_announced

LIST = "/api/v1/presence"
OWN = "/api/v1/presence/me"


@pytest.fixture
def client(alice: Any) -> Client:
    """Alice's client."""
    return RestClient(alice)


def refused(response: Any) -> tuple[int, str, str]:
    body = response.json()
    assert set(body) == {"code", "message", "details"}
    return response.status_code, body["code"], body["details"].get("field", "")


def get(client: Client, *ids: str) -> list[tuple[str, str]]:
    response = client.get(LIST, {"user_ids": ",".join(ids)})
    assert response.status_code == 200, response.content
    return [(item["user_id"], item["status"]) for item in response.json()["users"]]


def test_presence_of_several_users(client: Client, alice: Any, bob: Any) -> None:
    connect(bob)
    services.decide([user_id(bob)])
    assert get(client, user_id(alice), user_id(bob)) == [
        (user_id(alice), "offline"),
        (user_id(bob), "online"),
    ]
    body = client.get(LIST, {"user_ids": user_id(bob)}).json()
    assert set(body) == {"users"}
    assert set(body["users"][0]) == {"user_id", "status", "last_seen"}
    assert body["users"][0]["last_seen"].endswith("Z")


def test_unknown_users_are_left_out(client: Client, bob: Any, carol: Any) -> None:
    gone = user_id(carol)
    carol.delete()
    assert get(client, gone, user_id(bob)) == [(user_id(bob), "offline")]


@pytest.mark.options(MAY_WATCH="tests.presence.hooks.not_carol")
def test_users_who_may_not_be_watched_are_left_out(client: Client, bob: Any, carol: Any) -> None:
    assert get(client, user_id(carol), user_id(bob)) == [(user_id(bob), "offline")]
    own = RestClient(carol)
    assert get(own, user_id(carol)) == [(user_id(carol), "offline")]


@pytest.mark.parametrize("ids", ["", ",", "no such id", "1;2", "\x00"])
def test_malformed_ids_are_refused(client: Client, ids: str) -> None:
    assert refused(client.get(LIST, {"user_ids": ids})) == (400, "INVALID_MESSAGE", "user_ids")


def test_at_most_200_users_at_once(client: Client, bob: Any) -> None:
    assert get(client, *[user_id(bob)] * 200) == [(user_id(bob), "offline")]
    too_many = ",".join([user_id(bob)] * 201)
    response = client.get(LIST, {"user_ids": too_many})
    assert refused(response) == (400, "INVALID_MESSAGE", "user_ids")


def test_many_users_cost_the_queries_of_one(client: Client, alice: Any) -> None:
    people = [alice, *(make_user(f"user{number}") for number in range(20))]
    counts = []
    for group in (people[:1], people):
        with CaptureQueriesContext(connection) as captured:
            get(client, *map(user_id, group))
        counts.append(len(captured))
    assert counts == [3, 3]  # the token's user, who exists, their presence


@pytest.mark.parametrize("method", ["post", "put"])
def test_one_s_own_status_can_be_set_and_read(client: Client, alice: Any, method: str) -> None:
    connect(alice)
    body = getattr(client, method)(OWN, json.dumps({"status": "busy"}), "application/json").json()
    assert (body["user_id"], body["status"]) == (user_id(alice), "busy")
    assert client.get(OWN).json() == body
    assert statuses_announced(alice) == ["busy"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"status": "offline"}, "status"),
        ({"status": "asleep"}, "status"),
        ({"status": None}, "status"),
        ({"status": ["busy"]}, "status"),
        ({}, "status"),
        (["busy"], ""),
    ],
)
def test_malformed_statuses_are_refused(client: Client, body: Any, field: str) -> None:
    response = client.post(OWN, json.dumps(body), "application/json")
    assert refused(response) == (400, "INVALID_MESSAGE", field)


def test_a_token_is_needed_and_the_method_has_to_be_right(client: Client) -> None:
    for path in (LIST, OWN):
        assert refused(RestClient().get(path))[:2] == (401, "MISSING_TOKEN")
        assert refused(client.delete(path))[:2] == (405, "INVALID_MESSAGE")
