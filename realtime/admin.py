"""The engine in the admin: the log, the nodes, who is connected. To look at only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from realtime.models import Event, Node, Session


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows that the engine alone writes."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Asked about rows too that go along when the admin deletes a user.
        pages = reverse(f"admin:realtime_{self.opts.model_name}_changelist")
        return obj is not None and not request.path.startswith(pages)


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ("sequence", "type", "channel", "topic", "created_at", "control")
    list_filter = ("type", "control")
    ordering = ("-sequence",)
    # Payloads are people's messages: not for every member of the staff.
    exclude = ("payload",)


@admin.register(Node)
class NodeAdmin(ReadOnlyAdmin):
    list_display = ("name", "started_at", "renewed_at")
    ordering = ("-renewed_at",)


@admin.register(Session)
class SessionAdmin(ReadOnlyAdmin):
    list_display = ("user", "node", "address", "connected_at")
    list_select_related = ("user", "node")
    ordering = ("-connected_at",)
