"""Searching in lists of large tables: by users, by ids, and by text in a bounded part."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest

from realtime.admin.viewing import hidden, may_view_payload, record_for_all

# A text is looked for in so many of the newest rows: it has no index.
NEWEST = 20_000
PREFIX = "text:"


def wanted_text(term: str) -> str:
    """The text that is asked for by `text:…`; empty: something else is."""
    return term.removeprefix(PREFIX).strip() if term.startswith(PREFIX) else ""


def with_text(
    request: HttpRequest, queryset: QuerySet[Any], field: str, text: str
) -> QuerySet[Any]:
    """Those of the newest rows whose `field` has the text in it, for those who may see it."""
    if not may_view_payload(request):
        messages.warning(request, f"Texts are {hidden()}; so is searching in them.")
        return queryset.none()
    record_for_all(request, queryset.model, "Searched in the texts.")
    keys = queryset.model._default_manager.order_by("-pk").values_list("pk", flat=True)
    oldest = next(iter(keys[NEWEST - 1 : NEWEST]), None)
    newest = queryset if oldest is None else queryset.filter(pk__gte=oldest)
    return newest.filter(**{f"{field}__icontains": text})


def number_in(term: str, prefix: str) -> int | None:
    """The key in a wire id, as 7 in `notif_7`; None: the term is none."""
    number = term.removeprefix(f"{prefix}_") if prefix else term
    if number == term and prefix:
        return None
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 19 else None
