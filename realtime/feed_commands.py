"""What is new in the feed: each reader's count, and the channel that tells it.

The posts stay the site's. All that is kept here is where each user stopped
reading (`FeedMark`); what is new since then is counted from the posts, once a
second at most and in one query for all readers of a node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from django.contrib.auth import get_user_model
from django.db import models
from django.db.models import DateTimeField, IntegerField, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from realtime import ephemeral, log, protocol
from realtime.models import FeedMark
from realtime.protocol import Empty, Payload
from realtime.registry import (
    Caller,
    ChannelKind,
    Snapshot,
    command,
    register_channel,
    register_event,
    register_tick,
)
from realtime.users import parse_user_id

CHANNEL = "feed:updates"
# Where counting stops: a reader who was away for a year must not cost a year's posts a second.
MAX_COUNTED = 1000
# Posts dated later than this are not out yet; nearer ones come from a fast clock.
CLOCK_SKEW = timedelta(minutes=1)

Audience = Callable[[Any], Iterable[object] | None]
_START = Value(datetime(1970, 1, 1, tzinfo=UTC), output_field=DateTimeField())


@dataclass(frozen=True, slots=True)
class Source:
    """One watched model; see `realtime.feed.watch_feed` for the fields."""

    model: type[models.Model]
    author: str
    id_prefix: str
    created: str
    audience: Audience | None
    visible_to: Callable[[Any], Q] | None
    type_names: Mapping[str, str]

    @property
    def counted(self) -> bool:
        """Whether the database can tell which of its posts a user may see."""
        return self.audience is None or self.visible_to is not None


# What `watch_feed` was given.
sources: dict[type[models.Model], Source] = {}


class FeedCount(Payload):
    """`count_update`, the snapshot of `feed:updates`, and the ack of `feed_seen`.

    Attributes:
        new_posts_count: posts by others since the user last saw the feed, counted
            up to 1,000.
        last_update: when the newest post that the user may see was created; None
            while there is none.
    """

    new_posts_count: int
    last_update: datetime | None


class _RowCount(Subquery):
    """How many rows a query gives; `Count` cannot stop at a limit."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


def feed_counts(user_ids: list[str]) -> dict[str, FeedCount]:
    """What is new to each of these users, in one query for all of them.

    Users that no longer exist are left out.
    """
    counted = [source for source in sources.values() if source.counted]
    users: QuerySet[Any] = get_user_model()._base_manager.using(log.database_alias())
    users = users.filter(pk__in=[parse_user_id(user_id) for user_id in user_ids])
    columns = []
    for number, source in enumerate(counted):
        count, last = f"feed_count_{number}", f"feed_last_{number}"
        users = users.annotate(**{count: _new(source), last: _newest(source)})
        columns += [count, last]
    return {
        str(pk): FeedCount(
            new_posts_count=min(sum(found[0::2]), MAX_COUNTED),
            last_update=max((moment for moment in found[1::2] if moment), default=None),
        )
        for pk, *found in users.values_list("pk", *columns)
    }


def _new(source: Source) -> _RowCount:
    seen_at = Coalesce(OuterRef("realtime_feed_mark__seen_at"), _START)
    posts = _visible(source).filter(**{f"{source.created}__gt": seen_at})
    posts = posts.exclude(**{source.author: OuterRef("pk")}).values("pk")
    # Joins of the site's may repeat a post. Elsewhere DISTINCT would defeat the limit.
    return _RowCount((posts.distinct() if source.visible_to else posts)[:MAX_COUNTED])


def _newest(source: Source) -> Subquery:
    return Subquery(_visible(source).order_by(f"-{source.created}").values(source.created)[:1])


def _visible(source: Source) -> QuerySet[Any]:
    # The site's own manager: what it hides (as soft-deleted) is not new either.
    posts: QuerySet[Any] = source.model._default_manager.order_by()
    posts = posts.filter(**{f"{source.created}__lte": protocol.now() + CLOCK_SKEW})
    return posts.filter(source.visible_to(OuterRef("pk"))) if source.visible_to else posts


def mark_seen(user_id: str) -> FeedCount:
    """The user has seen the feed: nothing in it is new any more.

    The mark is the newest post's own time, not the clock's: a post whose
    transaction is still under way, or whose author's node has another clock, is
    counted when it appears. The user's other devices are told.

    Raises:
        LookupError: there is no such user.
    """
    count = feed_counts([user_id])[user_id]
    if count.new_posts_count and count.last_update:
        FeedMark.objects.using(log.database_alias()).update_or_create(
            user_id=parse_user_id(user_id), defaults={"seen_at": count.last_update}
        )
        count = FeedCount(new_posts_count=0, last_update=count.last_update)
        ephemeral.send_signal(
            "count_update", count, channel=CHANNEL, recipients=[user_id], coalesce="count_update"
        )
    return count


# --- what is plugged in ------------------------------------------------------------------


def _snapshots(user_ids: list[str]) -> dict[str, Snapshot]:
    counts = feed_counts(user_ids)
    return {user_id: msgspec.structs.asdict(count) for user_id, count in counts.items()}


register_event("count_update", FeedCount, logged=False, channel=CHANNEL)
register_channel(ChannelKind(CHANNEL, snapshot_of_users=_snapshots, topic=lambda channel: CHANNEL))
register_tick(CHANNEL, "count_update", feed_counts)


@command("feed_seen", Empty)
def feed_seen(caller: Caller, request: Empty) -> FeedCount:
    """Reset the caller's count."""
    return mark_seen(caller.user_id)
