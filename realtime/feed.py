"""The feed: what happens to a site's posts, told to whoever watches `feed:updates`.

A site connects its own model in one line of its `AppConfig.ready`:

    from realtime.feed import watch_feed

    watch_feed(Post)

From then on every post saved or deleted through the ORM's instances is told in
the transaction that does it. `QuerySet.update` and `bulk_create` send no
signals: there, and for what else happens to a post, call `feed_event`.

What is new to each reader is counted by `realtime.feed_commands`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any, NamedTuple

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ObjectDoesNotExist
from django.db import models, transaction
from django.db.models import Q
from django.db.models.signals import post_delete, post_save, pre_delete

from realtime import log
from realtime.feed_commands import CHANNEL, Audience, Source, sources
from realtime.protocol import Payload, prefixed_id
from realtime.registry import register_event
from realtime.users import describe

TYPE_NAMES = {"created": "new_post", "updated": "post_updated", "deleted": "post_deleted"}


class FeedUpdate(Payload):
    """`feed_update`: something has happened to a post.

    Attributes:
        type: what clients switch on, as `new_post`.
        user_id: who did it; None where that user is gone.
        created_at: when the post was created, whatever has happened to it since.
    """

    type: str
    post_id: str
    user_id: str | None
    username: str | None
    action: str
    created_at: datetime


register_event("feed_update", FeedUpdate, logged=True, channel=CHANNEL)


# --- watching a model ----------------------------------------------------------------


class _Actor(NamedTuple):
    user_id: str | None
    username: str | None


def watch_feed(
    model: type[models.Model],
    author: str = "author",
    *,
    id_prefix: str = "post",
    created: str = "created_at",
    audience: Audience | None = None,
    visible_to: Callable[[Any], Q] | None = None,
    type_names: Mapping[str, str] = TYPE_NAMES,
) -> None:
    """Tell the feed whenever an instance of `model` is created, saved or deleted.

    Saving then always is a transaction, so that no post is stored of which
    nobody hears. Fixtures (`loaddata`) are not told.

    Args:
        model: the site's posts, in the database of the engine's tables.
        author: the foreign key to the user who wrote it.
        id_prefix: `post` makes the wire id `post_7`.
        created: the DateTimeField with the moment of its creation.
        audience: `(post) -> None` for everybody, or the keys of the users to whom
            this post's events go. Fixed when the event is written.
        visible_to: the same question the other way round, `(user_key) -> Q`, as
            `lambda user: Q(author__followers__follower=user)`, so that a user's new
            posts can be counted in the database. With an audience and without
            this they are not counted: the number would give away hidden posts.
        type_names: the `type` for each of the actions created, updated, deleted.

    Raises:
        ValueError: the model is watched already.
        FieldDoesNotExist: it has no such author or creation time.
    """
    if model in sources:
        raise ValueError(f"{model._meta.label} is watched already")
    for name in (author, created):
        model._meta.get_field(name)
    sources[model] = Source(
        model, author, id_prefix, created, audience, visible_to, {**TYPE_NAMES, **type_names}
    )
    _save_in_one_transaction(model)
    uid = f"realtime.feed.{model._meta.label}"
    post_save.connect(_on_save, sender=model, dispatch_uid=uid)
    pre_delete.connect(_before_delete, sender=model, dispatch_uid=uid)
    post_delete.connect(_on_delete, sender=model, dispatch_uid=uid)


def feed_event(post: models.Model, type: str, action: str, user: AbstractBaseUser) -> None:
    """Tell the feed of something else that has happened to a watched post.

        feed_event(post, "post_liked", "liked", request.user)

    Call it in the transaction that stores what happened, after the rows that it
    reports are locked; it opens one where there is none.

    Args:
        type: what clients switch on; at most 64 characters.
        action: the verb, as `liked`.
        user: who did it.

    Raises:
        LookupError: the post's model is not watched.
    """
    source = _source_of(post)
    described = describe(user)
    actor = _Actor(described["id"], described["username"])
    _tell(source, post, type, action, actor, _recipients(source, post))


def _source_of(post: models.Model) -> Source:
    for model in type(post).__mro__:
        if model in sources:
            return sources[model]
    raise LookupError(f"{type(post).__name__} is not watched: call watch_feed first")


def _save_in_one_transaction(model: type[models.Model]) -> None:
    # Django sends post_save when save()'s own transaction has been committed: a
    # process that dies there would leave a post of which nobody hears.
    save_base = model.save_base

    @functools.wraps(save_base)
    def save_base_and_tell(self: models.Model, *args: Any, **kwargs: Any) -> None:
        with transaction.atomic(using=log.database_alias()):
            save_base(self, *args, **kwargs)

    model.save_base = save_base_and_tell  # type: ignore[method-assign]


def _on_save(
    sender: type[models.Model], instance: models.Model, created: bool, raw: bool, **_: Any
) -> None:
    if not raw:
        source = sources[sender]
        action = "created" if created else "updated"
        _tell_of_author(source, instance, action, _recipients(source, instance))


def _before_delete(sender: type[models.Model], instance: models.Model, **_: Any) -> None:
    # Asked while the rows that say so are still there.
    source = sources[sender]
    if source.audience is not None:
        instance.__dict__["_feed_recipients"] = _recipients(source, instance)


def _on_delete(sender: type[models.Model], instance: models.Model, origin: Any, **_: Any) -> None:
    recipients = instance.__dict__.pop("_feed_recipients", None)
    # With its author's account: whose name is to be forgotten, not logged once more.
    nameless = getattr(origin, "model", type(origin)) is not sender
    _tell_of_author(sources[sender], instance, "deleted", recipients, nameless=nameless)


def _tell_of_author(
    source: Source,
    post: models.Model,
    action: str,
    recipients: list[object] | None,
    *,
    nameless: bool = False,
) -> None:
    try:
        author = getattr(post, source.author)
    except ObjectDoesNotExist:
        author = None
    described = describe(author) if author is not None else None
    actor = _Actor(described["id"], described["username"]) if described else _Actor(None, None)
    if nameless:
        actor = actor._replace(username=None)
    _tell(source, post, source.type_names[action], action, actor, recipients)


def _recipients(source: Source, post: models.Model) -> list[object] | None:
    """The keys of those to whom the post's events go; None for everybody."""
    keys = source.audience(post) if source.audience else None
    return None if keys is None else list(dict.fromkeys(keys))


def _tell(
    source: Source,
    post: models.Model,
    type: str,
    action: str,
    actor: _Actor,
    recipients: list[object] | None,
) -> None:
    payload = FeedUpdate(
        type=type,
        post_id=prefixed_id(source.id_prefix, post.pk),
        user_id=actor.user_id,
        username=actor.username,
        action=action,
        created_at=_created_at(source, post),
    )
    # That a post is gone is to be heard of even if its author's account is, too.
    author = None if action == "deleted" else actor.user_id
    if recipients is None:
        drafts = [log.Draft("feed_update", payload, CHANNEL, topic=CHANNEL, author=author)]
    else:
        drafts = [
            log.Draft("feed_update", payload, CHANNEL, some, author=author)
            for some in _batches(recipients, log.MAX_RECIPIENTS)
        ]
    with transaction.atomic(using=log.database_alias()):
        log.append_many(drafts)


def _created_at(source: Source, post: models.Model) -> datetime:
    created = getattr(post, source.created)
    if not isinstance(created, datetime):  # the database has filled it in
        rows = source.model._base_manager.using(log.database_alias()).filter(pk=post.pk)
        created = rows.values_list(source.created, flat=True).get()
    moment: datetime = created.astimezone(UTC)
    return moment


def _batches(keys: list[object], size: int) -> Iterator[list[object]]:
    iterator = iter(keys)
    while batch := list(islice(iterator, size)):
        yield batch
