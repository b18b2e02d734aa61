"""Posts, comments, likes and follows: REST, notifications, the admin."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from notifications.models import Notification
from notifications.services import mark_all_read
from realtime import log, relay
from realtime.users import describe, user_id
from socialhub import services
from socialhub.models import Comment, Like, Post
from tests.clients import RestClient
from tests.people import make_user

POSTS = "/api/v1/posts"
named = pytest.mark.named_users


class Api:
    """A user's client of the REST API."""

    def __init__(self, user: Any) -> None:
        self._client = RestClient(user)

    def __call__(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        send = getattr(self._client, method.lower())
        if method == "GET":
            return send(path, query)
        return send(path, body, content_type="application/json") if body is not None else send(path)


@pytest.fixture
def as_alice(alice: Any) -> Api:
    return Api(alice)


@pytest.fixture
def as_bob(bob: Any) -> Api:
    return Api(bob)


@pytest.fixture
def post(alice: Any) -> str:
    """The path of a post that Alice has written."""
    return f"{POSTS}/post_{services.create_post(alice, 'Hello').pk}"


def refused(response: Any) -> tuple[int, str]:
    body = response.json()
    assert set(body) == {"code", "message", "details"}
    return response.status_code, body["code"]


def notices(user: Any) -> list[tuple[str, str]]:
    """What the user was notified of: type and text."""
    rows = Notification.objects.filter(recipient=user).order_by("pk")
    return list(rows.values_list("type", "message"))


# --- posts -----------------------------------------------------------------------------


def test_a_new_post_is_answered_and_listed_with_every_field(as_bob: Api, bob: Any) -> None:
    response = as_bob("POST", POSTS, {"text": "Hello"})
    assert response.status_code == 201
    stored = Post.objects.get()
    assert response.json() == {
        "id": f"post_{stored.pk}",
        "author": msgspec.to_builtins(describe(bob)),
        "text": "Hello",
        "created_at": msgspec.to_builtins(stored.created_at),
        "updated_at": msgspec.to_builtins(stored.updated_at),
        "likes_count": 0,
        "comments_count": 0,
        "liked_by_me": False,
    }
    assert as_bob("GET", POSTS).json()["results"] == [response.json()]
    assert as_bob("GET", f"{POSTS}/post_{stored.pk}").json() == response.json()


def test_pages_are_newest_first_and_stay_put_while_the_list_grows(as_bob: Api, alice: Any) -> None:
    for number in range(5):
        services.create_post(alice, str(number))
    first = as_bob("GET", POSTS, page_size=2).json()
    services.create_post(alice, "new")
    second = as_bob("GET", first["next"]).json()
    assert [item["text"] for item in first["results"]] == ["4", "3"]
    assert [item["text"] for item in second["results"]] == ["2", "1"]


def test_counts_are_of_each_post_and_liked_by_me_of_each_reader(
    as_alice: Api, as_bob: Api, carol: Any, post: str
) -> None:
    pk = Post.objects.get().pk
    for text in ("1", "2"):
        services.comment(carol, pk, text)
    services.like(carol, pk)
    as_bob("POST", f"{post}/like")
    seen = {"likes_count": 2, "comments_count": 2}
    for api, liked in ((as_alice, False), (as_bob, True)):
        item = api("GET", POSTS).json()["results"][0]
        assert {**seen, "liked_by_me": liked}.items() <= item.items()


def test_a_page_costs_the_same_queries_however_long_it_is(
    as_bob: Api, alice: Any, carol: Any
) -> None:
    counts = []
    for _ in range(2):
        for author in (alice, carol) * 3:
            pk = services.create_post(author, "text").pk
            services.like(carol, pk)
            services.comment(alice, pk, "text")
        with CaptureQueriesContext(connection) as captured:
            as_bob("GET", POSTS)
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 3  # the token's user, the page


def test_the_author_may_change_and_delete_a_post(as_alice: Api, post: str) -> None:
    changed = as_alice("PATCH", post, {"text": "Changed"})
    assert changed.json()["text"] == "Changed"
    assert changed.json()["updated_at"] > changed.json()["created_at"]
    assert as_alice("DELETE", post).status_code == 204
    assert refused(as_alice("GET", post)) == (404, "NOT_FOUND")


def test_nobody_else_may(as_bob: Api, post: str) -> None:
    assert refused(as_bob("PATCH", post, {"text": "Mine"})) == (403, "FORBIDDEN")
    assert refused(as_bob("DELETE", post)) == (403, "FORBIDDEN")
    assert Post.objects.get().text == "Hello"


@pytest.mark.parametrize(
    "body",
    [
        {}, [], "text", {"text": 1}, {"text": None}, {"text": ""}, {"text": " \n"},
        {"text": "x" * 2001}, {"text": "NUL \x00"}, {"text": "half \ud800"},
    ],
)  # fmt: skip
def test_a_bad_text_is_refused_and_changes_nothing(as_alice: Api, post: str, body: Any) -> None:
    for method, path in (("POST", POSTS), ("PATCH", post), ("POST", f"{post}/comments")):
        assert refused(as_alice(method, path, body)) == (400, "INVALID_MESSAGE")
    assert Post.objects.get().text == "Hello"
    assert not Comment.objects.exists()


def test_a_text_of_2000_characters_will_do(as_alice: Api) -> None:
    assert as_alice("POST", POSTS, {"text": "x" * 2000}).status_code == 201


def test_saving_the_same_text_again_tells_nobody(alice: Any, post: str) -> None:
    services.edit_post(alice, Post.objects.get().pk, "Hello")
    relay.drain()
    told = [event.type for event in log.read_from(1, 10)]
    assert told.count("feed_update") == 1


@pytest.mark.parametrize("path", ["", "/like", "/comments"])
def test_ids_are_checked(as_alice: Api, path: str) -> None:
    method = "POST" if path == "/like" else "GET"
    for id in ("1", "post_", "post_x", "post_0", "comment_1", f"post_{2**63}"):
        assert refused(as_alice(method, f"{POSTS}/{id}{path}")) == (400, "INVALID_MESSAGE")
    assert refused(as_alice(method, f"{POSTS}/post_999999{path}")) == (404, "NOT_FOUND")


def test_a_token_is_needed_and_the_method_has_to_be_right(as_alice: Api, post: str) -> None:
    for path in (POSTS, post, f"{post}/comments"):
        assert refused(RestClient().get(path)) == (401, "MISSING_TOKEN")
        assert refused(as_alice("PUT", path, {})) == (405, "INVALID_MESSAGE")


# --- likes and comments ------------------------------------------------------------------


def test_liking_again_after_unliking_notifies_anew_only_of_what_was_read(
    as_bob: Api, alice: Any, post: str
) -> None:
    for _ in range(3):
        as_bob("POST", f"{post}/like")
        as_bob("DELETE", f"{post}/like")
    assert notices(alice) == [("like", "Bob liked your post")]
    mark_all_read(user_id(alice))
    as_bob("POST", f"{post}/like")
    assert notices(alice) == [("like", "Bob liked your post")] * 2


def test_liking_twice_is_liking_once(as_bob: Api, alice: Any, post: str) -> None:
    post_id = post.rpartition("/")[2]
    liked = {"post_id": post_id, "liked_by_me": True, "likes_count": 1}
    for _ in range(2):
        assert as_bob("POST", f"{post}/like").json() == liked
    assert notices(alice) == [("like", "Bob liked your post")]
    assert Notification.objects.get().post_id == post_id
    for _ in range(2):
        not_liked = {"post_id": post_id, "liked_by_me": False, "likes_count": 0}
        assert as_bob("DELETE", f"{post}/like").json() == not_liked


def test_a_comment_is_answered_listed_and_told_to_the_author(
    as_bob: Api, alice: Any, bob: Any, post: str
) -> None:
    response = as_bob("POST", f"{post}/comments", {"text": "Well\nsaid"})
    assert response.status_code == 201
    stored = Comment.objects.get()
    assert response.json() == {
        "id": f"comment_{stored.pk}",
        "post_id": f"post_{stored.post_id}",
        "author": msgspec.to_builtins(describe(bob)),
        "text": "Well\nsaid",
        "created_at": msgspec.to_builtins(stored.created_at),
    }
    assert as_bob("GET", f"{post}/comments").json()["results"] == [response.json()]
    assert notices(alice) == [("comment", "Bob commented on your post: “Well said”")]


def test_nobody_is_notified_of_their_own_acts(as_alice: Api, alice: Any, post: str) -> None:
    as_alice("POST", f"{post}/like")
    as_alice("POST", f"{post}/comments", {"text": "Me again, @alice"})
    assert notices(alice) == []


def test_what_fails_leaves_no_trace(alice: Any, bob: Any, post: str) -> None:
    with transaction.atomic():
        services.like(bob, Post.objects.get().pk)
        transaction.set_rollback(True)
    relay.drain()
    assert [event.type for event in log.read_from(1, 10)] == ["feed_update"]  # the post's
    assert not Like.objects.exists()
    assert notices(alice) == []


# --- mentions ----------------------------------------------------------------------------


@named
def test_who_is_mentioned_is_notified_once(alice: Any, bob: Any, carol: Any) -> None:
    services.create_post(alice, "@bob, @carol and @bob. Not @alice, @Bob, me@carol or @nobody")
    for user in (bob, carol):
        assert [type for type, _ in notices(user)] == ["mention"]
    assert notices(alice) == []


@named
def test_the_longest_name_is_meant(alice: Any, bob: Any) -> None:
    dotted = make_user("bob.")
    services.create_post(alice, "Hello @bob.")
    assert (len(notices(dotted)), len(notices(bob))) == (1, 0)


@named
def test_an_edit_notifies_only_who_was_not_mentioned_before(
    alice: Any, bob: Any, carol: Any
) -> None:
    post = services.create_post(alice, "Hello @bob")
    services.edit_post(alice, post.pk, "Hello @bob and @carol")
    assert (len(notices(bob)), len(notices(carol))) == (1, 1)


@named
def test_an_author_who_is_mentioned_in_a_comment_hears_of_it_once(
    alice: Any, bob: Any, carol: Any, post: str
) -> None:
    services.comment(bob, Post.objects.get().pk, "@alice @carol look")
    assert [type for type, _ in notices(alice)] == ["comment"]
    assert notices(carol) == [("mention", "Bob mentioned you: “@alice @carol look”")]


@named
def test_disabled_accounts_are_not_mentioned(alice: Any, bob: Any) -> None:
    bob.is_active = False
    bob.save()
    services.create_post(alice, "Where is @bob?")
    assert notices(bob) == []


@pytest.mark.email_users
def test_who_logs_in_by_e_mail_cannot_be_mentioned(alice: Any, bob: Any) -> None:
    services.create_post(alice, f"@bob @{bob.email} @{describe(bob)['username']}")
    assert notices(bob) == []
