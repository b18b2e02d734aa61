"""Writing posts, comments, likes and follows. All other code goes through here.

Each function is one transaction: the rows, the notifications and the feed's
events. That a post was created, edited or deleted the feed hears by itself,
since `apps.py` has it watch the model.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from notifications.services import notify, notify_coalesced, notify_many
from realtime.errors import ErrorCode, RealtimeError, invalid, not_found
from realtime.feed import feed_event
from realtime.protocol import UNSTORABLE, prefixed_id
from socialhub.mentions import mentioned_users
from socialhub.models import MAX_TEXT_CHARS, Comment, Follow, Like, Post

POST_PREFIX = "post"
COMMENT_PREFIX = "comment"
EXCERPT_CHARS = 80


class _Notice(NamedTuple):
    type: str
    excerpt: str = ""


def create_post(author: AbstractBaseUser, text: str) -> Post:
    """Write a post; who is mentioned in it is notified.

    Args:
        text: 1 to 2,000 characters, not blank.

    Raises:
        RealtimeError: INVALID_MESSAGE, the text will not do.
    """
    text = _checked(text)
    with transaction.atomic():
        post = Post.objects.create(author=author, text=text)  # type: ignore[misc]  # any user model
        _notify(author, post, _mentions(text))
    return post


def edit_post(user: AbstractBaseUser, post_id: int, text: str) -> Post:
    """Change a post's text; who is mentioned in it anew is notified.

    Raises:
        RealtimeError: INVALID_MESSAGE, the text will not do; NOT_FOUND; FORBIDDEN,
            somebody else has written it.
    """
    text = _checked(text)
    with transaction.atomic():
        post = _lock_own(user, post_id)
        before, post.text = post.text, text
        if text != before:
            post.save(update_fields=["text", "updated_at"])
            known = {mentioned.pk for mentioned in mentioned_users(before)}
            notices = _mentions(text)
            _notify(user, post, {key: notices[key] for key in notices if key not in known})
    return post


def delete_post(user: AbstractBaseUser, post_id: int) -> None:
    """Delete a post with its comments and likes.

    Raises:
        RealtimeError: NOT_FOUND; FORBIDDEN, somebody else has written it.
    """
    with transaction.atomic():
        _lock_own(user, post_id).delete()


def like(user: AbstractBaseUser, post_id: int) -> int:
    """Like a post; its author is notified. Liking it again changes nothing.

    Of one who takes the like back and gives it again there is one unread notification.

    Returns:
        How many like it now.

    Raises:
        RealtimeError: NOT_FOUND.
    """
    with transaction.atomic():
        post = lock_post(post_id)
        _, created = Like.objects.get_or_create(post=post, user_id=user.pk)
        if created:
            feed_event(post, "post_liked", "liked", user)
            wire_id = prefixed_id(POST_PREFIX, post.pk)
            notify_coalesced(  # unliked and liked again is no news before it is read
                [post.author_id],
                "like",
                key=f"like:{wire_id}:{user.pk}",
                actor=user,
                post_id=wire_id,
            )
        return post.likes.count()


def unlike(user: AbstractBaseUser, post_id: int) -> int:
    """Take a like back; where there is none nothing changes.

    Returns:
        How many like it now.

    Raises:
        RealtimeError: NOT_FOUND.
    """
    with transaction.atomic():
        post = lock_post(post_id)
        deleted, _ = post.likes.filter(user_id=user.pk).delete()
        if deleted:
            feed_event(post, "post_unliked", "unliked", user)
        return post.likes.count()


def comment(user: AbstractBaseUser, post_id: int, text: str) -> Comment:
    """Comment on a post; its author and who is mentioned are notified, each once.

    Args:
        text: 1 to 2,000 characters, not blank.

    Raises:
        RealtimeError: INVALID_MESSAGE, the text will not do; NOT_FOUND.
    """
    text = _checked(text)
    with transaction.atomic():
        post = lock_post(post_id)
        written = Comment.objects.create(post=post, author=user, text=text)  # type: ignore[misc]
        feed_event(post, "post_commented", "commented", user)
        notices = _mentions(text)
        notices[post.author_id] = _Notice("comment", _excerpt(text))
        _notify(user, post, notices)
    return written


def follow(user: AbstractBaseUser, followed_id: Any) -> None:
    """Follow somebody, who is notified. Following again changes nothing.

    Args:
        followed_id: the other user's primary key.

    Raises:
        RealtimeError: NOT_FOUND, no such user; INVALID_MESSAGE, it is oneself.
    """
    _check_other(user, followed_id)
    with transaction.atomic():
        _, created = Follow.objects.get_or_create(follower_id=user.pk, followed_id=followed_id)
        if created:
            notify(followed_id, "follow", actor=user)


def unfollow(user: AbstractBaseUser, followed_id: Any) -> None:
    """Follow somebody no more; where one did not, nothing changes.

    Raises:
        RealtimeError: NOT_FOUND, no such user; INVALID_MESSAGE, it is oneself.
    """
    _check_other(user, followed_id)
    Follow.objects.filter(follower_id=user.pk, followed_id=followed_id).delete()


def lock_post(post_id: int) -> Post:
    """The post, locked: what happens to it happens in one order, the feed's too.

    Raises:
        RealtimeError: NOT_FOUND.
    """
    post = Post.objects.select_for_update(of=("self",)).select_related("author")
    found = post.filter(pk=post_id).first()
    if found is None:
        raise post_not_found()
    return found


def post_not_found() -> RealtimeError:
    """The error for a post that does not exist."""
    return not_found("Post does not exist")


def _lock_own(user: AbstractBaseUser, post_id: int) -> Post:
    post = lock_post(post_id)
    if post.author_id != user.pk:
        raise RealtimeError(ErrorCode.FORBIDDEN, "Only its author may change or delete a post")
    return post


def _check_other(user: AbstractBaseUser, other_id: Any) -> None:
    if other_id == user.pk:
        raise invalid("Nobody follows themselves", field="id")
    if not get_user_model()._default_manager.filter(pk=other_id, is_active=True).exists():
        raise not_found("User does not exist")


def _checked(text: str) -> str:
    if not isinstance(text, str) or not text.strip():
        raise invalid("text must not be blank", field="text")
    if len(text) > MAX_TEXT_CHARS:
        raise invalid(f"text has {len(text)} characters, at most {MAX_TEXT_CHARS}", field="text")
    if UNSTORABLE.search(text):
        raise invalid("text has characters that cannot be stored", field="text")
    return text


def _mentions(text: str) -> dict[Any, _Notice]:
    notice = _Notice("mention", _excerpt(text))
    return {user.pk: notice for user in mentioned_users(text)}


def _notify(actor: AbstractBaseUser, post: Post, notices: dict[Any, _Notice]) -> None:
    """Send each user a notice of their own; nobody hears of their own acts."""
    post_id = prefixed_id(POST_PREFIX, post.pk)
    # In the order of their keys: two comments that mention each other's authors
    # would else lock the inboxes crosswise.
    in_order: Iterable[Any] = sorted(notices)
    for notice, keys in groupby(in_order, key=notices.__getitem__):
        params = {"excerpt": notice.excerpt}
        notify_many(keys, notice.type, params=params, actor=actor, post_id=post_id)


def _excerpt(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= EXCERPT_CHARS else line[: EXCERPT_CHARS - 1] + "…"
