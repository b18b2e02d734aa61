"""Conversations and messages in the admin, to look at only."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from messaging.models import Conversation, Message, Participant


class ReadOnly:
    """Nothing is added, changed or deleted: events and positions would not know of it."""

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


class ParticipantInline(ReadOnly, admin.TabularInline):
    model = Participant
    extra = 0


@admin.register(Conversation)
class ConversationAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("__str__", "pair", "last_position", "created_at", "last_activity_at")
    search_fields = ("title", "=id")
    ordering = ("-id",)
    show_full_result_count = False
    inlines = (ParticipantInline,)


@admin.register(Message)
class MessageAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("conversation", "position", "sender", "created_at")
    list_select_related = ("conversation", "sender")
    search_fields = ("=conversation__id",)
    ordering = ("-id",)
    date_hierarchy = "created_at"
    show_full_result_count = False
