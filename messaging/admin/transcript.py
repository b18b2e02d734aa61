"""A page of what was said in a conversation, with its receipts: never all of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from django.db.models import Count

from messaging.models import Conversation, Message, ReadReceipt
from realtime.admin.base import ModelAdmin
from realtime.admin.showing import ago, link_to

PAGE = 50


@dataclass(frozen=True, slots=True)
class Line:
    """One message as the page shows it."""

    position: str
    sender: str
    content: str
    deleted: bool
    sent: str
    read_by: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """Consecutive messages, the oldest first.

    Attributes:
        older: what `before` is on the page before; None: there is none.
        newer: likewise after this one.
    """

    messages: list[Line]
    first: int
    last: int
    older: int | None
    newer: int | None


def transcript(
    model_admin: ModelAdmin, conversation: Conversation, before: int | None
) -> Transcript:
    """The newest messages before a position, or of all."""
    end = conversation.last_position + 1
    before = end if before is None else max(1, min(before, end))
    found = Message.objects.filter(conversation=conversation, position__lt=before)
    rows = list(found.select_related("sender").order_by("-position")[:PAGE])[::-1]
    if not rows:
        return Transcript([], 0, 0, None, None)
    readers = _readers(rows)
    lines = [_line(model_admin, row, readers) for row in rows]
    first, last = rows[0].position, rows[-1].position
    older = first if first > 1 else None
    newer = min(last + 1 + PAGE, end) if last < conversation.last_position else None
    return Transcript(lines, first, last, older, newer)


def _line(model_admin: ModelAdmin, row: Message, readers: dict[int, str]) -> Line:
    return Line(
        position=link_to(model_admin, row, row.position),
        sender=row.sender.get_username() if row.sender else "a deleted account",
        content=row.content,
        deleted=row.deleted_at is not None,
        sent=ago(row.created_at),
        read_by=readers.get(row.pk, "nobody"),
    )


def _readers(rows: list[Message]) -> dict[int, str]:
    """By message, who has read it: the name of one, or how many."""
    receipts = ReadReceipt.objects.filter(message__in=rows)
    counts = dict(receipts.order_by().values_list("message").annotate(Count("pk")))
    alone = [pk for pk, count in counts.items() if count == 1]
    names: defaultdict[int, str] = defaultdict(str)
    for receipt in receipts.filter(message__in=alone).select_related("user"):
        names[receipt.message_id] = receipt.user.get_username()
    return {pk: names[pk] if count == 1 else f"{count} people" for pk, count in counts.items()}
