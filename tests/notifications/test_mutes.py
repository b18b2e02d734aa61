"""Muting: a type of notifications, or what goes on under one key."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from notifications import mutes as mutes_module
from notifications import services
from notifications.models import Notification
from notifications.services import notify, notify_coalesced, notify_many
from realtime.testing import assert_nothing_published, assert_published
from realtime.users import user_id
from tests.messaging.talk import events, refusal
from tests.people import token_for

MUTES = "/api/v1/notifications/mutes"


def as_user(user: Any, method: str, path: str) -> Any:
    headers = {"Authorization": f"Bearer {token_for(user)}"}
    return Client().generic(method, path, headers=headers)


def test_a_muted_type_is_not_written_for_that_user_alone(alice: Any, bob: Any) -> None:
    services.mute(user_id(alice), type="like")
    with assert_nothing_published(alice):
        assert notify(alice, "like", "Bob liked it") is None
        with assert_published(bob, "notification", type="like"):
            assert notify_many([alice, bob], "like", "Somebody liked it") == 1
    with assert_published(alice, "notification", type="comment"):
        assert notify(alice, "comment", "Bob commented") is not None
    assert services.unread_count(user_id(alice)) == 1


def test_a_muted_key_is_not_written_whatever_its_type(alice: Any, bob: Any) -> None:
    services.mute(user_id(alice), key="thread:7")
    notify_coalesced([alice, bob], "reply", "Carol replied", key="thread:7")
    notify_coalesced([alice, bob], "reply", "Carol replied", key="thread:8")
    assert Notification.objects.filter(recipient=alice).count() == 1
    assert Notification.objects.filter(recipient=bob).count() == 2


def test_what_is_unmuted_comes_again(alice: Any) -> None:
    services.mute(user_id(alice), type="like")
    services.unmute(user_id(alice), type="like")
    assert notify(alice, "like", "Bob liked it") is not None


def test_the_user_s_other_devices_hear_of_it_and_repeats_say_nothing(alice: Any) -> None:
    for _ in range(2):
        services.mute(user_id(alice), type="like")
        services.mute(user_id(alice), key="thread:7")
    for _ in range(2):
        services.unmute(user_id(alice), type="like")
    assert [payload for _, payload in events(alice, "mutes_changed")] == [
        {"types": ["like"], "keys": []},
        {"types": ["like"], "keys": ["thread:7"]},
        {"types": [], "keys": ["thread:7"]},
    ]


def test_types_are_muted_over_rest(alice: Any, bob: Any) -> None:
    muted = as_user(alice, "PUT", f"{MUTES}/types/like")
    assert (muted.status_code, muted.json()) == (200, {"types": ["like"], "keys": []})
    assert as_user(alice, "GET", MUTES).json() == muted.json()
    assert as_user(bob, "GET", MUTES).json() == {"types": [], "keys": []}
    assert as_user(alice, "DELETE", f"{MUTES}/types/like").json() == {"types": [], "keys": []}


@pytest.mark.parametrize("type", ["x" * 65, "%00", "%20"])
def test_what_can_be_no_type_is_refused(alice: Any, type: str) -> None:
    answer = as_user(alice, "PUT", f"{MUTES}/types/{type}")
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_MESSAGE")


def test_there_is_a_limit_to_what_one_user_mutes(
    alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mutes_module, "MAX_MUTES", 1)
    services.mute(user_id(alice), type="like")
    assert refusal(services.mute, user_id(alice), type="comment") == "INVALID_MESSAGE"
