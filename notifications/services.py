"""Writing notifications. All other code, the site's too, goes through here.

    from notifications.services import notify, notify_many

    notify(post.author, "like", f"{user} liked your post", actor=user, post_id=f"post_{post.pk}")
    notify_many(User.objects.filter(is_staff=True), "maintenance", "Back at 9:00")

With a text registered for the type (see `notifications.texts`) the message is left
out, and each recipient reads it in their own language:

    notify(post.author, "like", actor=user, post_id=f"post_{post.pk}")

Both may be called anywhere: in a request, a Celery task, a shell. Inside a
transaction they take part in it: what is rolled back is told to nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import router, transaction
from django.db.models import QuerySet
from django.utils import translation

from notifications import arguments, inboxes, texts
from notifications.coalesced import News
from notifications.coalesced import publish as publish_coalesced
from notifications.inboxes import try_lock as try_lock_inboxes
from notifications.models import Broadcast, Notification
from notifications.mutes import mute, mutes, unmute
from notifications.reading import (
    announce_again,
    mark_all_read,
    mark_read,
    mark_read_by_key,
    mark_unread,
    uncount,
    unread_count,
    unread_counts,
    unread_of,
)
from realtime import protocol

__all__ = [
    "News",
    "announce_again",
    "coalesced_news",
    "erase_actor",
    "erase_subject",
    "mark_all_read",
    "mark_read",
    "mark_read_by_key",
    "mark_unread",
    "mute",
    "mutes",
    "notify",
    "notify_coalesced",
    "notify_coalesced_news",
    "notify_many",
    "publish_coalesced",
    "try_lock_inboxes",
    "uncount",
    "unmute",
    "unread_count",
    "unread_counts",
    "unread_of",
]

BATCH = 1000


def notify(
    recipient: AbstractBaseUser | object,
    type: str,
    message: str | None = None,
    *,
    params: Mapping[str, Any] | None = None,
    actor: AbstractBaseUser | None = None,
    post_id: str | None = None,
    extra: Mapping[str, Any] | None = None,
    subject: str = "",
) -> Notification | None:
    """Notify one user.

    Args:
        recipient: the user, or the user's primary key.
        type: what has happened, as `like` or `comment`; at most 64 characters.
        message: the text that people read; None for the one registered for the type.
        params: what that text is filled with, as JSON can hold it.
        actor: who did it. Nobody is notified of their own acts.
        post_id: the wire id of what it is about, as `post_7`.
        extra: further JSON for the site's own clients.
        subject: what its content comes from, as `comment_7`, at most 80 characters:
            `erase_subject` finds it by this.

    Returns:
        The notification, or None if the recipient is the actor, or has muted it.

    Raises:
        ValueError: a text is empty, too long, or cannot be stored; there is neither
            a message nor a registered text that the params fit.
    """
    content = _content(type, message, params, actor, extra, subject, post_id)
    created = _notify_batch([arguments.user_key(recipient)], content)
    return created[0] if created else None


def notify_many(
    recipients: Iterable[AbstractBaseUser | object],
    type: str,
    message: str | None = None,
    *,
    params: Mapping[str, Any] | None = None,
    actor: AbstractBaseUser | None = None,
    post_id: str | None = None,
    extra: Mapping[str, Any] | None = None,
    subject: str = "",
) -> int:
    """Notify many users; see `notify` for the arguments.

    Written in batches of 1,000, each in a transaction of its own unless there
    is one around the call. A user named twice in a batch is notified once.

    Inboxes stay locked to the end of the transaction, as rows that were written
    do. Within a batch they are locked in one order; a transaction that notifies
    several times should do so in the same order everywhere, or be ready to be
    tried again.

    Returns:
        How many notifications were written.
    """
    content = _content(type, message, params, actor, extra, subject, post_id)
    written = 0
    for batch in arguments.batches(map(arguments.user_key, recipients), BATCH):
        written += len(_notify_batch(batch, content))
    return written


def _notify_batch(keys: Iterable[Any], content: Mapping[str, Any]) -> list[Notification]:
    actor = content["actor"]
    recipients = {key for key in keys if actor is None or key != actor.pk}
    if not recipients:
        return []
    with inboxes.atomic():
        unread = inboxes.lock(recipients, type=content["type"])
        created = inboxes.store(
            list(inboxes.drafts(sorted(unread), **content, created_at=protocol.now()))
        )
        inboxes.announce(created, {key: count + 1 for key, count in unread.items()})
    return created


def _content(
    type: str,
    message: str | None,
    params: Mapping[str, Any] | None,
    actor: AbstractBaseUser | None,
    extra: Mapping[str, Any] | None,
    subject: str,
    post_id: str | None = None,
) -> dict[str, Any]:
    """The fields that all recipients' notifications share."""
    arguments.check(type, message, params, post_id, extra, subject)
    filled = None if message is not None else dict(params or {})
    return {
        "actor": actor,
        "type": type,
        "message": texts.compose(type, filled or {}, actor) if message is None else message,
        "params": filled,
        "post_id": post_id or "",
        "extra": dict(extra or {}),
        "subject": subject,
    }


def notify_coalesced(
    recipients: Iterable[AbstractBaseUser | object],
    type: str,
    message: str | None = None,
    *,
    key: str,
    params: Mapping[str, Any] | None = None,
    actor: AbstractBaseUser | None = None,
    post_id: str | None = None,
    extra: Mapping[str, Any] | None = None,
    subject: str = "",
) -> None:
    """Notify of something that goes on, as the messages of a conversation.

    Each recipient has one unread notification for `key`: announced when it
    becomes unread, then brought up to date in place and announced at most once
    in 5 s. See `notify` for the other arguments.

    Args:
        key: what goes on, as `conversation:conv_7`; 1 to 100 characters.

    Raises:
        ValueError: as `notify`.
    """
    content = _content(type, message, params, actor, extra, subject, post_id)
    arguments.check_key(key)
    notify_coalesced_news(_news(recipients, key, content))


def notify_coalesced_news(news: News) -> None:
    """Do what `notify_coalesced` does; see `coalesced_news`."""
    if news.recipients:
        with inboxes.atomic():
            publish_coalesced([news], inboxes.lock(news.recipients), protocol.now())


def coalesced_news(
    recipients: Iterable[AbstractBaseUser | object],
    type: str,
    *,
    key: str,
    params: Mapping[str, Any],
    actor: AbstractBaseUser | None,
    extra: Mapping[str, Any] | None = None,
    subject: str = "",
) -> News:
    """What `notify_coalesced` would write, for `notify_coalesced_news` or `publish_coalesced`."""
    arguments.check_key(key)
    content = _content(type, None, params, actor, extra, subject)
    return _news(recipients, key, content)


def _news(recipients: Iterable[Any], key: str, content: Mapping[str, Any]) -> News:
    users = {arguments.user_key(user) for user in recipients}
    if content["actor"] is not None:
        users.discard(content["actor"].pk)
    return News(key, users, content)


def erase_subject(*subjects: str) -> None:
    """Remove the content of the notifications with these subjects: its source is deleted.

    They stay, in the lists and counts, and say that they were removed. The log is
    another matter: see `realtime.erasure.erase_subject`. Broadcasts of them end.
    """
    # First: a batch that is under way is waited for, and its notifications are seen.
    _end_broadcasts(subjects)
    _erase(Notification.objects.filter(subject__in=subjects))


def _end_broadcasts(subjects: Sequence[str]) -> None:
    unfinished = Broadcast.objects.exclude(state=Broadcast.State.DONE)
    with transaction.atomic(using=router.db_for_write(Broadcast)):
        for row in unfinished.filter(content__subject__in=subjects).select_for_update():
            row.state = Broadcast.State.DONE
            row.ended_at = protocol.now()
            row.reason = "What it was about was deleted: nobody else is told."
            row.forget()
            row.save(update_fields=["state", "ended_at", "reason", "content", "audience"])


def erase_actor(user_key: Any) -> None:
    """Remove the content of the notifications of what a user did, who is deleted."""
    _erase(Notification.objects.filter(actor_id=user_key))


def _erase(rows: QuerySet[Notification]) -> None:
    with translation.override(settings.LANGUAGE_CODE):
        rows.update(
            message=str(texts.REMOVED), params=None, extra={}, subject="", announced_at=None
        )
