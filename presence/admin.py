"""Presence in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from presence.models import Presence


@admin.register(Presence)
class PresenceAdmin(admin.ModelAdmin):
    """To look at only: `presence.services` decides and tells."""

    list_display = ("user", "status", "chosen", "last_seen", "offline_at")
    list_filter = ("status", "chosen")
    list_select_related = ("user",)
    ordering = ("-last_seen",)
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Presence | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Presence | None = None) -> bool:
        # Asked about a user's row too when the admin deletes that user: the row goes along.
        pages = reverse("admin:presence_presence_changelist")
        return obj is not None and not request.path.startswith(pages)
