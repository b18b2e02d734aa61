"""The list of people to write to, and to follow."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from realtime.users import describe
from socialhub import services
from tests.people import make_user
from tests.socialhub.test_posts import Api, as_alice, refused

__all__ = ["as_alice"]

PEOPLE = "/api/v1/users"


def names(answer: Any) -> list[str]:
    return [entry["user"]["username"] for entry in answer.json()["results"]]


def test_it_has_everybody_else_and_says_whom_one_follows(
    as_alice: Api, alice: Any, bob: Any, carol: Any
) -> None:
    services.follow(alice, carol.pk)
    services.follow(bob, alice.pk)
    assert as_alice("GET", PEOPLE).json()["results"] == [
        {"user": msgspec.to_builtins(describe(bob)), "following": False},
        {"user": msgspec.to_builtins(describe(carol)), "following": True},
    ]


def test_who_is_inactive_is_not_in_it(as_alice: Api, bob: Any, carol: Any) -> None:
    bob.is_active = False
    bob.save()
    assert names(as_alice("GET", PEOPLE)) == [describe(carol)["username"]]


def test_it_comes_in_pages(as_alice: Api) -> None:
    for number in range(3):
        make_user(f"guest{number}")
    first = as_alice("GET", PEOPLE, page_size=2).json()
    assert [entry["user"]["username"] for entry in first["results"]] == ["guest0", "guest1"]
    assert names(as_alice("GET", first["next"])) == ["guest2"]


@pytest.mark.parametrize(
    ("search", "found"),
    [("bo", ["bob"]), ("BAKER", ["bob"]), ("o", ["bob", "carol"]), ("bob baker", ["bob"]),
     ("bob carter", []), ("bob@", []), ("\x00", ["bob", "carol"])],
)  # fmt: skip
def test_it_is_searched_by_the_names_that_others_see(
    as_alice: Api, search: str, found: list[str]
) -> None:
    make_user("bob", last_name="Baker", email="bob@example.org")
    make_user("carol", last_name="Carter")
    assert names(as_alice("GET", PEOPLE, search=search)) == found


def test_a_foreign_cursor_is_refused(as_alice: Api) -> None:
    assert refused(as_alice("GET", PEOPLE, cursor="none")) == (400, "INVALID_MESSAGE")
