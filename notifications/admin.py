"""Notifications in the admin."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from notifications import services
from notifications.models import Notification
from realtime.users import user_id


class ReadFilter(admin.SimpleListFilter):
    """Read or not."""

    title = "read"
    parameter_name = "read"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [("no", "Unread"), ("yes", "Read")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Notification]
    ) -> QuerySet[Notification]:
        if self.value() is None:
            return queryset
        return queryset.filter(read_at__isnull=self.value() == "no")


@admin.register(Notification)
class NotificationAdmin(admin.ModelAdmin):
    """To look at, to mark read, to delete. They are written by `services.notify`."""

    list_display = ("recipient", "type", "message", "actor", "created_at", "read_at")
    list_filter = (ReadFilter, "type", "created_at")
    list_select_related = ("recipient", "actor")
    search_fields = ("message", "=post_id")
    ordering = ("-id",)
    date_hierarchy = "created_at"
    show_full_result_count = False
    actions = ("mark_read",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Notification | None = None) -> bool:
        return False

    @admin.action(description="Mark as read, on the recipient's devices too", permissions=["view"])
    def mark_read(self, request: HttpRequest, queryset: QuerySet[Notification]) -> None:
        unread = queryset.filter(read_at=None).select_related("recipient")
        for notification in unread:
            services.mark_read(user_id(notification.recipient), notification.pk)
        self.message_user(request, f"{len(unread)} marked as read.", messages.SUCCESS)
