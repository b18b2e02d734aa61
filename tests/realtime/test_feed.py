"""The feed: what is told of a watched model, and to whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec
import pytest
from django.core import serializers
from django.core.exceptions import FieldDoesNotExist
from django.db import transaction
from django.utils import timezone

from realtime import log, relay
from realtime.feed import feed_event, watch_feed
from realtime.feed_commands import CHANNEL, Source, sources
from realtime.log import LoggedEvent
from realtime.testing import FakeClient
from realtime.users import describe, user_id
from socialhub.models import Comment, Post


def logged(user: Any, *topics: str) -> list[LoggedEvent]:
    """The feed's events that `user` may see when watching `topics`."""
    relay.drain()
    upto = log.read_head().sequence
    found = log.read_for(user_id(user), after=0, upto=upto, topics=topics, limit=1000)
    return [event for event in found if event.type == "feed_update"]


def payloads(user: Any) -> list[dict[str, Any]]:
    return [msgspec.json.decode(event.payload) for event in logged(user, CHANNEL)]


def post_by(author: Any, text: str = "text", **fields: Any) -> Any:
    return Post.objects.create(author=author, text=text, **fields)


@pytest.fixture
def for_some(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Changes how the site watches its posts: `for_some(audience=...)`."""

    def change(**fields: Any) -> None:
        watched: dict[Any, Source] = sources
        monkeypatch.setitem(watched, Post, replace(sources[Post], **fields))

    return change


# --- what is told ----------------------------------------------------------------------


def test_creating_saving_and_deleting_a_post_are_told_field_by_field(alice: Any, bob: Any) -> None:
    post = post_by(alice)
    post_id = f"post_{post.pk}"
    post.text = "changed"
    post.save()
    post.delete()
    common = {
        "post_id": post_id,
        "user_id": user_id(alice),
        "username": describe(alice)["username"],
        "created_at": msgspec.to_builtins(post.created_at),
    }
    assert common["created_at"].endswith("Z")
    assert payloads(bob) == [
        {"type": "new_post", "action": "created", **common},
        {"type": "post_updated", "action": "updated", **common},
        {"type": "post_deleted", "action": "deleted", **common},
    ]


def test_they_are_public_events_of_the_feed_s_channel(alice: Any, bob: Any) -> None:
    post_by(alice)
    (event,) = logged(bob, CHANNEL)
    assert (event.channel, event.topic, event.recipients) == (CHANNEL, CHANNEL, frozenset())
    assert logged(bob) == []  # of whoever does not watch the feed


def test_what_else_happens_to_a_post_is_told_of_who_did_it(alice: Any, bob: Any) -> None:
    post = post_by(alice)
    feed_event(post, "post_shared", "shared", bob)
    assert payloads(alice)[-1] == {
        "type": "post_shared",
        "post_id": f"post_{post.pk}",
        "user_id": user_id(bob),
        "username": describe(bob)["username"],
        "action": "shared",
        "created_at": msgspec.to_builtins(post.created_at),
    }


def test_what_is_rolled_back_is_told_to_nobody(alice: Any) -> None:
    with FakeClient(alice, CHANNEL) as client:
        with transaction.atomic():
            post_by(alice)
            transaction.set_rollback(True)
        assert client.receive() == []


def test_a_post_that_cannot_be_told_is_not_stored_either(
    alice: Any, for_some: Callable[..., None]
) -> None:
    def broken(post: Any) -> list[Any]:
        raise LookupError("no such circle")

    for_some(audience=broken)
    with pytest.raises(LookupError, match="no such circle"):
        post_by(alice)  # without a transaction of the caller's
    assert not Post.objects.exists()


def test_fixtures_are_not_told(alice: Any) -> None:
    text = serializers.serialize(
        "json", [Post(pk=1, author=alice, text="old", updated_at=timezone.now())]
    )
    for deserialized in serializers.deserialize("json", text):
        deserialized.save()
    assert Post.objects.count() == 1
    assert payloads(alice) == []


def test_deleting_a_user_tells_of_the_user_s_posts(alice: Any, bob: Any) -> None:
    key = user_id(alice)
    post_by(alice)
    alice.delete()
    told = payloads(bob)[-1]
    assert (told["type"], told["user_id"], told["username"]) == ("post_deleted", key, None)


def test_the_types_can_be_named_otherwise(alice: Any, for_some: Callable[..., None]) -> None:
    for_some(id_prefix="photo", type_names={"created": "new_photo"})
    post = post_by(alice)
    (told,) = payloads(alice)
    assert (told["type"], told["post_id"]) == ("new_photo", f"photo_{post.pk}")


def test_faults_in_the_one_line_are_named(alice: Any) -> None:
    with pytest.raises(ValueError, match=r"socialhub\.Post is watched already"):
        watch_feed(Post)
    with pytest.raises(FieldDoesNotExist, match="writer"):
        watch_feed(Comment, author="writer")
    with pytest.raises(LookupError, match="Comment is not watched"):
        feed_event(Comment(), "comment_liked", "liked", alice)
    assert list(sources) == [Post]


# --- audiences --------------------------------------------------------------------------


def test_an_audience_alone_hears_of_a_post_from_its_beginning_to_its_end(
    alice: Any, bob: Any, carol: Any, for_some: Callable[..., None]
) -> None:
    for_some(audience=lambda post: [alice.pk, bob.pk, bob.pk])
    post = post_by(alice)
    feed_event(post, "post_liked", "liked", bob)
    post.delete()
    told = [event.recipients for event in logged(bob)]
    assert told == [frozenset({user_id(alice), user_id(bob)})] * 3
    assert logged(carol, CHANNEL) == []


def test_who_sees_a_post_is_asked_while_the_rows_that_say_so_are_there(
    alice: Any, bob: Any, for_some: Callable[..., None]
) -> None:
    for_some(audience=lambda post: post.comments.values_list("author_id", flat=True))
    post = post_by(alice)
    Comment.objects.create(post=post, author=bob, text="text")
    post.delete()
    assert [event.recipients for event in logged(bob)] == [frozenset({user_id(bob)})]


def test_an_audience_of_none_is_everybody_and_an_empty_one_nobody(
    alice: Any, bob: Any, for_some: Callable[..., None]
) -> None:
    for_some(audience=lambda post: None if post.text == "public" else [])
    post_by(alice, "secret")
    public = post_by(alice, "public")
    assert [told["post_id"] for told in payloads(bob)] == [f"post_{public.pk}"]


def test_more_than_500_share_several_events(alice: Any, for_some: Callable[..., None]) -> None:
    key = UUID if isinstance(alice.pk, UUID) else int
    keys = [key(f"{number:032}") for number in range(10_000, 11_001)]
    for_some(audience=lambda post: [alice.pk, *keys])
    post_by(alice)
    relay.drain()
    events = [event for event in log.read_from(1, 10) if event.type == "feed_update"]
    assert [len(event.recipients) for event in events] == [500, 500, 2]
    assert len(frozenset().union(*(event.recipients for event in events))) == 1002
