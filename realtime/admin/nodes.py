"""The server processes in the admin, and what each last reported of itself."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from realtime import sessions
from realtime.admin.base import ReadOnlyAdmin, list_page
from realtime.admin.dashboard import DashboardAdmin
from realtime.admin.showing import EMPTY, ago, exactly_and_ago, link, size
from realtime.models import Node, Session

BEHIND = (
    "Events behind: those that were in the log when the node reported, and that it had not handed "
    "out yet. A few under load are as it should be; a number that grows means that it cannot "
    "read the log."
)


@admin.register(Node)
class NodeAdmin(DashboardAdmin, ReadOnlyAdmin):
    """To look at only: nodes enter and leave the registry by themselves."""

    list_display = (
        "name", "state", "up", "renewed", "connections_of", "waiting_polls", "buffered",
        "events_behind", "version", "reported",
    )  # fmt: skip
    search_fields = ("name",)
    search_help_text = "A node's name. All figures are those that it reported last."
    ordering = ("name",)
    fieldsets = (
        (None, {"fields": ("name", "state", "started", "renewed_exactly", "version")}),
        (
            "As of its last report",
            {
                "description": f"A node reports about as often as it renews its lease. {BEHIND}",
                "fields": (
                    "reported_exactly", "connections_of", "subscriptions", "buffered",
                    "waiting_polls", "position", "events_behind",
                ),
            },
        ),
    )  # fmt: skip
    readonly_fields = (
        "state", "started", "renewed_exactly", "reported_exactly", "connections_of", "buffered",
        "events_behind",
    )  # fmt: skip

    class Media:
        css = {"all": ["realtime/admin.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        nodes: QuerySet[Any] = super().get_queryset(request).annotate(alive=sessions.alive())
        return nodes

    @admin.display(description="state")
    def state(self, node: Any) -> str:
        if not node.alive:
            return "dead"
        return "leaving" if node.leaving else "living"

    @admin.display(description="up since", ordering="started_at")
    def up(self, node: Node) -> str:
        return ago(node.started_at)

    @admin.display(description="up since")
    def started(self, node: Node) -> str:
        return exactly_and_ago(node.started_at)

    @admin.display(description="lease renewed", ordering="renewed_at")
    def renewed(self, node: Node) -> str:
        return ago(node.renewed_at)

    @admin.display(description="lease renewed")
    def renewed_exactly(self, node: Node) -> str:
        return exactly_and_ago(node.renewed_at)

    @admin.display(description="connections", ordering="connections")
    def connections_of(self, node: Node) -> str:
        count = EMPTY if node.connections is None else str(node.connections)
        page = self.admin_site._registry.get(Session)
        return count if page is None else link(f"{list_page(page)}?node={node.pk}", count)

    @admin.display(description="buffered", ordering="buffered_bytes")
    def buffered(self, node: Node) -> str:
        return size(node.buffered_bytes)

    @admin.display(description="events behind", ordering="behind")
    def events_behind(self, node: Node) -> object:
        # Less than none for a moment after a failover, until the node begins anew.
        return EMPTY if node.behind is None else max(0, node.behind)

    @admin.display(description="reported", ordering="reported_at")
    def reported(self, node: Node) -> str:
        return ago(node.reported_at)

    @admin.display(description="reported")
    def reported_exactly(self, node: Node) -> str:
        return exactly_and_ago(node.reported_at)
