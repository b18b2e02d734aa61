"""Notifications as CSV, written while it is sent: however many, none are held in memory."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Iterator
from io import StringIO
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone

from notifications import texts
from notifications.events import wire_id
from notifications.models import Notification
from realtime.admin.viewing import hidden

BATCH = 1_000
COLUMNS = (
    "id",
    "recipient_id",
    "recipient",
    "actor_id",
    "actor",
    "type",
    "created_at",
    "read_at",
    "post_id",
    "text",
)
# What spreadsheets take for the beginning of a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_response(
    request: HttpRequest, queryset: QuerySet[Notification], *, with_texts: bool
) -> StreamingHttpResponse:
    """A download of these notifications, the newest first."""
    lines = _lines(queryset, with_texts)
    # Django would collect an ordinary iterator's pieces first where it serves ASGI.
    content: Any = _in_threads(lines) if isinstance(request, ASGIRequest) else lines
    name = f"notifications-{timezone.localtime():%Y%m%d-%H%M%S}.csv"
    return StreamingHttpResponse(
        content,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _lines(queryset: QuerySet[Notification], with_texts: bool) -> Iterator[str]:
    yield _csv([COLUMNS])
    rows = queryset.select_related("recipient", "actor").order_by("-pk")
    batch = list(rows[:BATCH])
    while batch:
        yield _csv(_row(one, with_texts) for one in batch)
        batch = list(rows.filter(pk__lt=batch[-1].pk)[:BATCH])


def _row(one: Notification, with_texts: bool) -> list[Any]:
    return [
        wire_id(one.pk),
        one.recipient_id,
        one.recipient.get_username(),
        one.actor_id,
        one.actor.get_username() if one.actor else None,
        one.type,
        one.created_at.isoformat(),
        one.read_at.isoformat() if one.read_at else None,
        one.post_id,
        texts.render(one, texts.language_of(one.recipient)) if with_texts else hidden(),
    ]


def _csv(rows: Any) -> str:
    output = StringIO()
    csv.writer(output).writerows([_harmless(cell) for cell in row] for row in rows)
    return output.getvalue()


def _harmless(cell: Any) -> Any:
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(FORMULA) else text


async def _in_threads(lines: Iterator[str]) -> AsyncIterator[str]:
    def take() -> str | None:
        return next(lines, None)

    while (piece := await sync_to_async(take)()) is not None:
        yield piece
