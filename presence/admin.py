"""Presence in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from presence.models import Presence
from realtime.admin.base import ReadOnlyAdmin
from realtime.admin.large import LargeTableAdmin
from realtime.admin.people import people_or_warning
from realtime.admin.showing import ago, exactly_and_ago


@admin.register(Presence)
class PresenceAdmin(LargeTableAdmin, ReadOnlyAdmin):
    """To look at only: `presence.services` decides and tells."""

    list_display = ("user", "status", "chosen", "last_seen_ago", "grace")
    list_filter = ("status", "chosen")
    list_select_related = ("user",)
    search_fields = ("user",)  # see get_search_results
    search_help_text = "A user (name, e-mail or id)."
    ordering = ("-pk",)
    fields = ("user", "status", "chosen", "last_seen_exactly", "grace")
    readonly_fields = fields

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Presence], search_term: str
    ) -> tuple[QuerySet[Presence], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        return queryset.filter(pk__in=people_or_warning(request, term)), False

    @admin.display(description="last seen")
    def last_seen_ago(self, presence: Presence) -> str:
        return ago(presence.last_seen)

    @admin.display(description="last seen")
    def last_seen_exactly(self, presence: Presence) -> str:
        return exactly_and_ago(presence.last_seen)

    @admin.display(description="grace ends")
    def grace(self, presence: Any) -> str:
        return exactly_and_ago(presence.offline_at)
