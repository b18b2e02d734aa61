"""The feed: how much is new to each reader, and how the reader is told."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from django.db import connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from realtime import feed_commands
from realtime.feed import feed_event
from realtime.feed_commands import CHANNEL, FeedCount, feed_counts, mark_seen
from realtime.users import user_id
from socialhub.models import Comment, Post
from tests.clients import Frame, Socket, in_thread, open_socket, settled
from tests.realtime.test_feed import for_some, post_by
from tests.servers import Address

__all__ = ["for_some"]


def new_posts(user: Any) -> int:
    return feed_counts([user_id(user)])[user_id(user)].new_posts_count


# --- what is new ------------------------------------------------------------------------


def test_posts_by_others_count_and_one_s_own_do_not(alice: Any, bob: Any) -> None:
    assert feed_counts([user_id(alice)]) == {user_id(alice): FeedCount(0, None)}
    post_by(alice)
    newest = post_by(bob)
    post_by(alice).delete()
    newest.refresh_from_db()
    assert feed_counts([user_id(alice), user_id(bob)]) == {
        user_id(alice): FeedCount(1, newest.created_at),
        user_id(bob): FeedCount(1, newest.created_at),
    }


def test_likes_and_changes_are_not_new_posts_and_a_deleted_one_no_longer_is(
    alice: Any, bob: Any
) -> None:
    post = post_by(bob)
    post.save()
    feed_event(post, "post_liked", "liked", bob)
    assert new_posts(alice) == 1
    post.delete()
    assert new_posts(alice) == 0


def test_seeing_the_feed_begins_the_count_anew_for_that_user_only(
    alice: Any, bob: Any, carol: Any
) -> None:
    post_by(bob)
    last = post_by(bob).created_at
    assert mark_seen(user_id(alice)) == FeedCount(0, last)
    assert mark_seen(user_id(alice)) == FeedCount(0, last)
    assert (new_posts(alice), new_posts(carol)) == (0, 2)
    post_by(bob)
    assert (new_posts(alice), new_posts(carol)) == (1, 3)


def test_a_post_still_under_way_when_the_feed_was_seen_is_counted(alice: Any, bob: Any) -> None:
    post_by(bob)
    under_way = Post(author=bob, text="begun before, stored after")
    mark_seen(user_id(alice))
    under_way.save()
    assert new_posts(alice) == 1


def test_a_post_of_tomorrow_is_not_new_yet_and_hides_none(alice: Any, bob: Any) -> None:
    post_by(bob, created_at=timezone.now() + timedelta(days=1))
    assert mark_seen(user_id(alice)).new_posts_count == 0
    post_by(bob)
    assert new_posts(alice) == 1


def test_counting_stops_somewhere(alice: Any, bob: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_commands, "MAX_COUNTED", 2)
    for _ in range(3):
        post_by(bob)
    assert new_posts(alice) == 2


def test_hidden_posts_are_not_given_away_by_their_number(
    alice: Any, bob: Any, carol: Any, for_some: Callable[..., None]
) -> None:
    for_some(audience=lambda post: post.comments.values_list("author_id", flat=True))
    post = post_by(alice)
    for _ in range(2):
        Comment.objects.create(post=post, author=bob, text="text")
    assert (new_posts(bob), new_posts(carol)) == (0, 0)  # nobody said how to count
    for_some(visible_to=lambda user: Q(comments__author=user))
    counts = feed_counts([user_id(bob), user_id(carol)])
    assert counts[user_id(bob)].new_posts_count == 1
    assert counts[user_id(carol)] == FeedCount(0, None)


def test_one_query_counts_for_however_many_users(alice: Any, bob: Any, carol: Any) -> None:
    post_by(bob)
    mark_seen(user_id(carol))
    with CaptureQueriesContext(connection) as captured:
        feed_counts([user_id(user) for user in (alice, bob, carol)])
    assert len(captured) == 1


# --- on sockets -------------------------------------------------------------------------


async def next_count(socket: Socket) -> Frame:
    """The next `count_update`."""
    while (frame := await socket.receive())["type"] != "count_update":
        pass
    return frame


async def watching(socket: Socket) -> dict[str, Any]:
    """Subscribe to the feed; its snapshot."""
    ack = await socket.ask("subscribe", {"channel": CHANNEL})
    snapshot: dict[str, Any] = ack["payload"]["data"]["snapshot"]
    return snapshot


async def test_each_watcher_is_told_its_own_count(server: Address, alice: Any, bob: Any) -> None:
    async with open_socket(server, alice) as a, open_socket(server, bob) as b:
        for socket in (a, b):
            assert await watching(socket) == {"new_posts_count": 0, "last_update": None}
        post = await in_thread(post_by, bob)
        update = await a.expect("feed_update")
        assert update["channel"] == CHANNEL
        assert update["payload"]["type"] == "new_post"
        frames = {"alice": await next_count(a), "bob": await next_count(b)}
        for name, frame in frames.items():
            assert frame["channel"] == CHANNEL
            assert "sequence" not in frame
            assert frame["payload"] == {
                "new_posts_count": 1 if name == "alice" else 0,
                "last_update": msgspec.to_builtins(post.created_at),
            }


async def test_the_snapshot_has_what_is_new_already(server: Address, alice: Any, bob: Any) -> None:
    post = await in_thread(post_by, bob)
    async with open_socket(server, alice) as socket:
        assert await watching(socket) == {
            "new_posts_count": 1,
            "last_update": msgspec.to_builtins(post.created_at),
        }


async def test_feed_seen_resets_the_count_on_all_of_the_user_s_devices(
    server: Address, alice: Any, bob: Any
) -> None:
    await in_thread(post_by, bob)
    await settled(server, alice)
    async with open_socket(server, alice) as phone, open_socket(server, alice) as laptop:
        for device in (phone, laptop):
            assert (await watching(device))["new_posts_count"] == 1
        ack = await phone.ask("feed_seen", {"user_id": user_id(bob)})
        assert ack["payload"]["data"]["new_posts_count"] == 0
        assert (await next_count(laptop))["payload"] == ack["payload"]["data"]
        await in_thread(post_by, bob)
        assert (await next_count(laptop))["payload"]["new_posts_count"] == 1
        assert await in_thread(new_posts, bob) == 0


async def test_counts_come_at_most_once_a_second_and_the_last_is_right(
    server: Address, alice: Any, bob: Any
) -> None:
    async with open_socket(server, alice) as socket:
        await watching(socket)
        for _ in range(5):
            await in_thread(post_by, bob)
        counts = [await next_count(socket)]
        while counts[-1]["payload"]["new_posts_count"] < 5:
            counts.append(await next_count(socket))
        times = [datetime.fromisoformat(count["timestamp"]) for count in counts]
        for earlier, later in itertools.pairwise(times):
            assert later - earlier >= timedelta(seconds=0.9)


async def test_a_tick_is_one_query_for_all_watchers(
    server: Address, alice: Any, bob: Any, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_socket(server, alice) as a, open_socket(server, bob) as b:
        for socket in (a, b):
            await watching(socket)
        settings.DEBUG = True  # Django then logs the queries of every thread
        with caplog.at_level(logging.DEBUG, "django.db.backends"):
            await in_thread(post_by, bob)
            for socket in (a, b):
                await next_count(socket)
        queries = [record.getMessage() for record in caplog.records]
        assert sum("feed_count_0" in query for query in queries) == 1
