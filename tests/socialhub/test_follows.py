"""Follows over REST, and what the staff sees of posts."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from realtime import log, relay
from realtime.users import user_id
from socialhub import services
from socialhub.models import Follow, Post
from tests.people import make_user
from tests.socialhub.test_posts import Api, as_alice, notices, refused

__all__ = ["as_alice"]


def path(user: Any) -> str:
    return f"/api/v1/users/{user_id(user)}/follow"


def test_following_twice_is_following_once(as_alice: Api, alice: Any, bob: Any) -> None:
    for _ in range(2):
        followed = as_alice("POST", path(bob)).json()
        assert followed == {"user_id": user_id(bob), "following": True}
    assert notices(bob) == [("follow", "Alice follows you")]
    assert list(Follow.objects.values_list("follower", "followed")) == [(alice.pk, bob.pk)]
    for _ in range(2):
        left = as_alice("DELETE", path(bob)).json()
        assert left == {"user_id": user_id(bob), "following": False}
    assert not Follow.objects.exists()


def test_nobody_follows_themselves(as_alice: Api, alice: Any) -> None:
    for method in ("POST", "DELETE"):
        assert refused(as_alice(method, path(alice))) == (400, "INVALID_MESSAGE")
    with pytest.raises(IntegrityError), transaction.atomic():
        Follow.objects.create(follower=alice, followed=alice)


def test_who_is_not_there_or_disabled_cannot_be_followed(as_alice: Api, carol: Any) -> None:
    carol.is_active = False
    carol.save()
    assert refused(as_alice("POST", path(carol))) == (404, "NOT_FOUND")
    gone = path(carol)
    carol.delete()
    assert refused(as_alice("POST", gone)) == (404, "NOT_FOUND")
    bad = as_alice("POST", "/api/v1/users/nobody-at-all/follow")
    assert refused(bad) == (400, "INVALID_MESSAGE")


def test_the_staff_finds_and_deletes_posts_and_the_feed_hears_of_it(alice: Any) -> None:
    staff = Client()
    staff.force_login(make_user("root", is_staff=True, is_superuser=True))
    post = services.create_post(alice, "Buy cheap watches")
    services.comment(alice, post.pk, "Really cheap")
    for model, text in (("post", "Buy cheap"), ("comment", "Really cheap")):
        page = staff.get(f"/admin/socialhub/{model}/", {"q": text})
        assert text in page.content.decode()
        assert staff.get(f"/admin/socialhub/{model}/add/").status_code == 403
    staff.post(
        "/admin/socialhub/post/",
        {"action": "delete_selected", "_selected_action": [post.pk], "post": "yes"},
    )
    assert not Post.objects.exists()
    relay.drain()
    assert b"post_deleted" in log.read_from(1, 100)[-1].payload
