"""What a developer finds after `make serve`."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from messaging.models import Message
from notifications.models import Notification
from socialhub.demo import PASSWORD, PEOPLE, POSTS, TALKS
from socialhub.management.commands.seed_demo import Seed
from socialhub.models import Comment, Post
from tests.clients import RestClient

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo() -> None:
    """As the command plants it, which refuses to on anything but SQLite."""
    plant()


def plant() -> None:
    with transaction.atomic():
        Seed().plant()


def counts() -> list[int]:
    models: tuple[Any, ...] = (get_user_model(), Post, Comment, Message, Notification)
    return [model._default_manager.count() for model in models]


@pytest.mark.usefixtures("demo")
def test_it_is_there_once_however_often_it_is_asked_for() -> None:
    before = counts()
    plant()
    assert counts() == before
    assert Post.objects.count() == len(POSTS)
    assert get_user_model().objects.get(username="alice").check_password(PASSWORD)


@pytest.mark.usefixtures("demo")
def test_it_was_written_over_a_week_and_nothing_in_the_future() -> None:
    posts = list(Post.objects.order_by("pk"))
    assert [post.created_at for post in posts] == sorted(post.created_at for post in posts)
    assert (posts[-1].created_at - posts[0].created_at).days >= 5
    for model in (Post, Comment, Message, Notification):
        assert not model._default_manager.filter(created_at__gt=timezone.now()).exists()


@pytest.mark.usefixtures("demo")
def test_alice_has_something_unread_of_each_kind() -> None:
    client = RestClient(get_user_model().objects.get(username="alice"))
    talks = client.get("/api/v1/conversations").json()["results"]
    assert len(talks) == len([talk for talk in TALKS if "alice" in talk.people])
    assert [talk["unread_count"] for talk in talks] == [2, 0, 1, 0]
    unread = client.get("/api/v1/notifications", {"unread": "true"}).json()["results"]
    assert {"like", "comment", "mention", "message"} <= {one["type"] for one in unread}


def test_it_is_not_made_without_debug(settings: Any) -> None:
    settings.DEBUG = False
    with pytest.raises(CommandError, match="only with DEBUG on"):
        call_command("seed_demo")
    call_command("seed_demo", if_embedded=True)
    assert not get_user_model().objects.filter(username=PEOPLE[0][0]).exists()
