"""Who may join, and with what state: asked once for all who come together."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest

from notifications.services import notify
from realtime import database, joining, registry
from realtime.errors import ErrorCode
from realtime.users import user_id
from tests.clients import in_thread
from tests.messaging.talk import pair
from tests.people import make_user

pytestmark = pytest.mark.django_db(transaction=True)

OPEN = ["notifications", "feed:updates"]


def test_the_states_of_many_users_cost_as_many_queries_as_one_s(
    django_assert_num_queries: Any,
) -> None:
    for size in (1, 20):
        users = [make_user(f"u{size}-{number}") for number in range(size)]
        for user in users[::2]:
            notify(user, "note", "Hello")
        with django_assert_num_queries(len(OPEN)):
            found: list[Any] = joining.snapshots_of_users([(user_id(user), OPEN) for user in users])
        assert [one["notifications"]["unread_count"] for one in found] == [
            int(number % 2 == 0) for number in range(size)
        ]


async def test_channels_that_anybody_may_join_need_no_look_at_the_database(
    alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "run", None)
    refused = await joining.refusals(user_id(alice), [*OPEN, "nothing", "feed:nothing"])
    assert {name: error.code for name, error in refused.items()} == {
        "nothing": ErrorCode.CHANNEL_NOT_FOUND,
        "feed:nothing": ErrorCode.CHANNEL_NOT_FOUND,
    }


async def test_others_are_asked_for_each_user(alice: Any, bob: Any, carol: Any) -> None:
    channel = f"conversation:conv_{await in_thread(pair, alice, bob)}"
    for user, joins in ((alice, True), (carol, False)):
        assert (channel not in await joining.refusals(user_id(user), [channel])) is joins
        found = await joining.snapshots(user_id(user), ["notifications", channel])
        assert list(found) == ["notifications", channel][: 1 + joins]


async def test_what_fails_for_one_user_fails_for_nobody_else(
    alice: Any, bob: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, _ = registry.find_channel("notifications")
    counts = kind.snapshot_of_users
    assert counts is not None

    def fail_for_bob(user_ids: Collection[str]) -> Any:
        if user_id(bob) in user_ids:
            raise ZeroDivisionError
        return counts(list(user_ids))

    failing = replace(kind, snapshot_of_users=fail_for_bob)
    monkeypatch.setitem(registry._kinds, "notifications", failing)
    for_alice, for_bob = await asyncio.gather(
        *(joining.snapshots(user_id(user), ["notifications"]) for user in (alice, bob)),
        return_exceptions=True,
    )
    assert for_alice == {"notifications": {"unread_count": 0}}
    assert isinstance(for_bob, ZeroDivisionError)


def test_a_state_that_is_read_for_many_goes_only_to_who_may_have_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry, "_kinds", {})
    for wrong in ({"takes_argument": True}, {"authorize": lambda user_id, argument: True}):
        with pytest.raises(ValueError, match="snapshot_of_users"):
            registry.register_channel(
                registry.ChannelKind("vip", snapshot_of_users=lambda ids: {}, **wrong)
            )
    assert registry.snapshots("1", ["vip"]) == {}


async def test_a_user_who_is_deleted_meanwhile_has_no_state_of_the_feed(alice: Any) -> None:
    key = user_id(alice)
    await in_thread(type(alice).objects.filter(pk=alice.pk).delete)
    assert await joining.snapshots(key, ["feed:updates"]) == {}
