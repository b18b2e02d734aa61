"""Posts and comments in the admin: to look at, to search, to delete."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from socialhub.models import Comment, Post

EXCERPT_CHARS = 80


class _Moderation(admin.ModelAdmin):
    """People write; the staff removes. Of a post that is deleted the feed hears."""

    list_filter = ("created_at",)
    list_select_related = ("author",)
    search_fields = ("text",)
    ordering = ("-id",)
    date_hierarchy = "created_at"
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="text")
    def excerpt(self, row: Post | Comment) -> str:
        return row.text if len(row.text) <= EXCERPT_CHARS else row.text[:EXCERPT_CHARS] + "…"


@admin.register(Post)
class PostAdmin(_Moderation):
    list_display = ("id", "author", "excerpt", "created_at")


@admin.register(Comment)
class CommentAdmin(_Moderation):
    list_display = ("id", "author", "post", "excerpt", "created_at")
