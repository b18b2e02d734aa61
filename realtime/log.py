"""The log of events: written through an outbox, read by everybody.

`append` belongs to a caller's transaction and puts the event into the outbox.
The relay (`realtime.relay`) moves committed rows into the log and gives them
their gapless `sequence`. All functions here are synchronous.

Reading rests on one fact: rows become visible in the order of their sequence,
because one relay at a time numbers and commits them. Whoever has read up to a
number has missed nothing below it, unless it was pruned; so readers read the
rows first and then ask how far the log has been pruned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
from django.db import connections, router, transaction

from realtime import hints, protocol
from realtime.bulk import insert_many
from realtime.compiled import Compiled
from realtime.models import Event, EventRecipient, LogHead, OutboxEvent
from realtime.users import parse_user_id

PRUNE_BATCH = 1000
MAX_RECIPIENTS = 500

# Control events: logged and in order with the rest, acted on by nodes only.
CLOSE_USER = "control.close_user"
LEAVE_CHANNEL = "control.leave_channel"
PRUNED = "control.pruned"
ERASE = "control.erase"

# An event whose content has been erased keeps its number and its channel.
ERASED = "erased"
ERASED_PAYLOAD = "{}"


@dataclass(slots=True)
class Draft:
    """An event to be written.

    Args:
        type: the frame's type.
        payload: a Struct or a mapping that JSON can hold.
        channel: the channel on which clients see it.
        recipients: keys of the users to whom it belongs; at most 500.
        topic: instead of recipients, the public topic that it belongs to.
        control: acted on by nodes, never delivered.
        subject: what its content is of, as `msg_7`; `erasure.erase_subject` finds it
            by this.
        author: the key of the user whose content it is; `erasure.erase_user` likewise.
    """

    type: str
    payload: msgspec.Struct | Mapping[str, Any]
    channel: str = ""
    recipients: Iterable[object] = ()
    topic: str = ""
    control: bool = False
    subject: str = ""
    author: object = ""

    def as_row(self, created_at: datetime) -> OutboxEvent:
        recipients = list(dict.fromkeys(str(parse_user_id(_key(r))) for r in self.recipients))
        if not self.channel and not self.control:
            raise ValueError(f"{self.type}: an event needs the channel on which clients see it")
        if bool(recipients) == bool(self.topic) and not self.control:
            raise ValueError(f"{self.type}: an event has either recipients or a topic")
        if len(recipients) > MAX_RECIPIENTS:
            raise ValueError(
                f"{self.type}: {len(recipients)} recipients; at most {MAX_RECIPIENTS} share one "
                "event, write several"
            )
        return OutboxEvent(
            event_id=uuid4(),
            type=self.type,
            channel=self.channel,
            topic=self.topic,
            recipients=protocol.encode(recipients).decode(),
            payload=protocol.encode(self.payload).decode(),
            control=self.control,
            subject=self.subject,
            author="" if self.author is None else str(self.author),
            created_at=created_at,
        )


def _key(recipient: object) -> object:
    return recipient if isinstance(recipient, int | str) else str(recipient)


def append(
    type: str,
    payload: msgspec.Struct | Mapping[str, Any],
    *,
    channel: str = "",
    recipients: Iterable[object] = (),
    topic: str = "",
    control: bool = False,
    subject: str = "",
    author: object = "",
) -> UUID:
    """Write one event in the caller's transaction; see `Draft` for the arguments.

    Returns:
        The event's id, the same on every connection and transport.

    Raises:
        RuntimeError: there is no transaction.
        ValueError: it has both recipients and a topic, or neither.
    """
    draft = Draft(type, payload, channel, recipients, topic, control, subject, author)
    return append_many([draft])[0]


def append_many(drafts: Iterable[Draft]) -> list[UUID]:
    """Write several events, in this order, in the caller's transaction.

    Call it after the rows that the events report are locked or written: the
    outbox's order is then the order of cause and effect.

    Raises:
        RuntimeError: there is no transaction on the log's database.
    """
    using = database_alias()
    if not connections[using].in_atomic_block:
        raise RuntimeError(
            "Events are written in the transaction that they report: "
            "wrap the caller in django.db.transaction.atomic()"
        )
    created_at = protocol.now()
    rows = [draft.as_row(created_at) for draft in drafts]
    insert_many(rows, using=using, with_keys=False)
    transaction.on_commit(hints.announce_pending, using=using, robust=True)
    return [row.event_id for row in rows]


def database_alias() -> str:
    """The one database of outbox and log. Reads go there, too: a replica lags behind."""
    return router.db_for_write(OutboxEvent)


# --- reading -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Head:
    """Where the log stands."""

    epoch: str
    sequence: int
    pruned_through: int


@dataclass(slots=True, eq=False)
class LoggedEvent:
    """One event of the log, with its frame encoded when first needed."""

    sequence: int
    event_id: UUID
    type: str
    channel: str
    topic: str
    recipients: frozenset[str]
    payload: bytes
    control: bool
    subject: str
    author: str
    created_at: datetime
    _frame: protocol.Frame | None = field(default=None, init=False)

    @property
    def frame(self) -> protocol.Frame:
        if self._frame is None:
            self._frame = protocol.Frame(
                protocol.encode_event(
                    event_id=self.event_id,
                    type=self.type,
                    payload=self.payload,
                    channel=self.channel,
                    created_at=self.created_at,
                    sequence=self.sequence,
                )
            )
        return self._frame

    def erase(self) -> None:
        """Forget the content; the number and the channel stay."""
        self.type, self.payload, self._frame = ERASED, ERASED_PAYLOAD.encode(), None
        self.subject = self.author = ""

    @property
    def size(self) -> int:
        """Roughly the bytes that it takes in memory."""
        return 300 + 2 * len(self.payload)


@dataclass(frozen=True, slots=True)
class Page:
    """Events that one reader may see, in order.

    Attributes:
        position: where to read on; everything up to it has been seen.
        complete: nothing more was there up to the bound that was asked for.
    """

    events: list[LoggedEvent]
    position: int
    complete: bool


class LogGapError(Exception):
    """The log does not reach back to where the reader stood.

    Attributes:
        reason: `pruned`, `epoch` or `future`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


_COLUMNS = (
    "sequence",
    "event_id",
    "type",
    "channel",
    "topic",
    "recipients",
    "payload",
    "control",
    "subject",
    "author",
    "created_at",
)
_RECIPIENT_COLUMNS = tuple(f"event__{column}" for column in _COLUMNS)


def _load(row: tuple[Any, ...]) -> LoggedEvent:
    sequence, event_id, type, channel, topic, recipients, payload, *rest = row
    readers = msgspec.json.decode(recipients, type=frozenset[str])
    return LoggedEvent(sequence, event_id, type, channel, topic, readers, payload.encode(), *rest)


# By the index: the table itself is full of rows that were moved a moment ago.
_pending = Compiled(
    lambda at_most: OutboxEvent.objects.order_by("pk").values_list("pk")[:at_most],
    literal={"at_most"},
)
_head = Compiled(
    lambda: LogHead.objects.filter(pk=LogHead.ID).values_list("epoch", "sequence", "pruned_through")
)
_from = Compiled(
    lambda sequence, limit: (
        Event.objects.filter(sequence__gte=sequence).order_by("sequence").values_list(*_COLUMNS)
    )[:limit],
    literal={"limit"},
)
_own = Compiled(
    lambda user, after, upto, limit: (
        EventRecipient.objects.filter(
            user__pk=user, event__pk__gt=after, event__pk__lte=upto, event__control=False
        )
        .order_by("event_id")
        .values_list(*_RECIPIENT_COLUMNS)
    )[:limit],
    fields={"user": EventRecipient._meta.get_field("user")},
    literal={"limit"},
)
_public = Compiled(
    lambda topics, after, upto, limit: (
        Event.objects.filter(topic__in=topics, sequence__gt=after, sequence__lte=upto)
        .order_by("sequence")
        .values_list(*_COLUMNS)
    )[:limit],
    literal={"limit"},
)


def backlog(at_most: int = 10_001) -> int:
    """How many events wait in the outbox; counted up to `at_most`."""
    return len(_pending.rows(database_alias(), at_most=at_most))


def read_head() -> Head:
    """Where the log stands now."""
    rows = _head.rows(database_alias())
    return Head(*rows[0]) if rows else ensure_head()


def ensure_head() -> Head:
    """The log's head, made with a fresh epoch where there is none."""
    head, _ = LogHead.objects.get_or_create(pk=LogHead.ID, defaults={"epoch": uuid4().hex})
    return Head(head.epoch, head.sequence, head.pruned_through)


def read_from(sequence: int, limit: int) -> list[LoggedEvent]:
    """The events from `sequence` on, everybody's, oldest first, at most `limit`."""
    return [_load(row) for row in _from.rows(database_alias(), sequence=sequence, limit=limit)]


def read_for(
    user_id: str, *, after: int, upto: int, topics: Iterable[str], limit: int
) -> list[LoggedEvent]:
    """The events after `after` and up to `upto` that `user_id` may see, oldest first.

    Two range scans: the user's own events, and those of the public `topics`.
    At most `limit` events come back; fewer mean that there are no more.
    """
    using = database_alias()
    bounds = {"after": after, "upto": upto, "limit": limit}
    rows = _own.rows(using, user=parse_user_id(user_id), **bounds)
    if names := list(topics):
        rows = rows + _public.rows(using, topics=names, **bounds)
        rows.sort(key=lambda row: int(row[0]))
    return [_load(row) for row in rows[:limit]]


def check_reach(after: int, epoch: str | None, head: Head, *, zero_is_oldest: bool) -> None:
    """Refuse a reader whose position the log does not reach.

    Args:
        head: read after the rows were, else a prune could slip in between.
        zero_is_oldest: position 0 means "from the oldest event kept" and always
            holds, as polls have it.

    Raises:
        LogGapError: its epoch has ended, it is ahead of the log, or rows it has
            not seen have been pruned.
    """
    if epoch is not None and epoch != head.epoch:
        raise LogGapError("epoch")
    if after > head.sequence:
        raise LogGapError("future")
    if after < head.pruned_through and not (after == 0 and zero_is_oldest):
        raise LogGapError("pruned")


def position_at(moment: datetime) -> int:
    """The last sequence that was written before `moment`, so that one can read on from there.

    Events are numbered in about the order in which they were written: of those of the
    same moment a few may be on the other side.
    """
    head = read_head()
    events = Event.objects.using(database_alias())
    low, high = head.pruned_through, head.sequence
    while low < high:  # sequences have no gaps: a few looks by the primary key
        middle = (low + high + 1) // 2
        written = events.filter(pk=middle).values_list("created_at", flat=True).first()
        # Pruned meanwhile: it was older than what is kept.
        low, high = (middle, high) if written is None or written < moment else (low, middle - 1)
    return low


# --- upkeep --------------------------------------------------------------------------


def prune(max_age: timedelta) -> int:
    """Delete events older than `max_age` from the old end of the log.

    Returns:
        How many events were deleted.
    """
    return sum(prune_in_batches(max_age))


def prune_in_batches(max_age: timedelta) -> Iterator[int]:
    """Do what `prune` does, bit by bit: how many events each batch has deleted.

    Each batch is a transaction of its own that also moves `pruned_through`, so
    that a reader who finds rows missing can tell, and tells every node to
    forget them too.
    """
    cutoff = protocol.now() - max_age
    while deleted := _prune_batch(cutoff):
        yield deleted


def _prune_batch(cutoff: datetime) -> int:
    oldest = Event.objects.using(database_alias()).order_by("sequence")
    old = []
    for sequence, created_at, type in oldest.values_list("sequence", "created_at", "type")[
        :PRUNE_BATCH
    ]:
        if created_at >= cutoff:
            break
        old.append((sequence, type))
    # A prune's own notice is not worth a prune: it goes with the next real event.
    if all(type == PRUNED for _, type in old):
        return 0
    through = old[-1][0]
    with transaction.atomic(using=database_alias()):
        LogHead.objects.filter(pk=LogHead.ID, pruned_through__lt=through).update(
            pruned_through=through
        )
        EventRecipient.objects.filter(event_id__lte=through).delete()
        Event.objects.filter(sequence__lte=through).delete()
        append(PRUNED, {"through": through}, control=True)
    return len(old)


def begin_epoch(ended: str, *, beyond: int = 0) -> Head:
    """Start a new epoch in place of `ended`; only one of many callers does.

    Every client is told to resync, because the log no longer holds what it
    held: it was restored from a backup, or rows were lost in a failover.

    Args:
        beyond: a number known to have been given in the epoch that ended. The
            new one starts above it, so that no old cursor looks valid.
    """
    with transaction.atomic(using=database_alias()):
        head = LogHead.objects.select_for_update().get(pk=LogHead.ID)
        if head.epoch == ended:
            head.epoch = uuid4().hex
            head.sequence = head.pruned_through = max(head.sequence, beyond) + 1
            head.save()
    return Head(head.epoch, head.sequence, head.pruned_through)
