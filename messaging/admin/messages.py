"""Messages in the admin: who sent them when, and who has read them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from messaging.models import Message, ReadReceipt
from realtime.admin.base import ReadOnly, TabularInline
from realtime.admin.filters import InputFilter, PeopleFilter
from realtime.admin.large import LargeTableAdmin
from realtime.admin.people import people_or_warning
from realtime.admin.searching import number_in, wanted_text, with_text
from realtime.admin.showing import ago, exactly_and_ago, text
from realtime.admin.viewing import PayloadAdmin, hidden_note, may_view_payload


class SenderFilter(PeopleFilter):
    """What a user has sent."""

    title = "sender"
    parameter_name = "sender"

    def of(self, queryset: QuerySet[Message], keys: list[Any]) -> QuerySet[Message]:
        return queryset.filter(sender__in=keys)


class ConversationFilter(InputFilter):
    """What was said in one conversation."""

    title = "conversation"
    parameter_name = "of"
    placeholder = "conv_7"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        if (name := self.value()) is None:
            return queryset
        pk = number_in(name, "conv")
        return queryset.filter(conversation=number_in(name, "") if pk is None else pk)


class ReceiptInline(ReadOnly, TabularInline):
    model = ReadReceipt
    extra = 0
    classes = ("realtime-plain",)
    hide_title = True  # the same for unfold
    fields = ("user", "read")
    readonly_fields = fields
    ordering = ("read_at",)
    verbose_name_plural = "Read by"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReadReceipt]:
        return super().get_queryset(request).select_related("user")

    @admin.display(description="read")
    def read(self, receipt: ReadReceipt) -> str:
        return exactly_and_ago(receipt.read_at)


@admin.register(Message)
class MessageAdmin(ReadOnly, PayloadAdmin, LargeTableAdmin):
    list_display = ("message", "conversation", "position", "sender", "is_deleted", "age")
    list_filter = (ConversationFilter, SenderFilter)
    list_select_related = ("conversation", "sender")
    search_fields = ("id",)  # and more: see get_search_results
    search_help_text = "A sender (name, e-mail or id), msg_7, or text:word among the newest."
    ordering = ("-id",)
    inlines = (ReceiptInline,)
    payload_fields = ("content",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        return super().get_queryset(request).defer("content")

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        # Of one conversation the index of positions is at hand, and says the same.
        return ("-position",) if request.GET.get("of") else ("-id",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        content = "says" if may_view_payload(request) else "says_nothing"
        return ["conversation", "position", "sender", "sent", "deleted", content]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Message], search_term: str
    ) -> tuple[QuerySet[Message], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        if wanted := wanted_text(term):
            return with_text(request, queryset, "content", wanted), False
        if (pk := number_in(term, "msg")) is not None:
            return queryset.filter(pk=pk), False
        return queryset.filter(sender__in=people_or_warning(request, term)), False

    # --- what is shown -----------------------------------------------------------------

    @admin.display(description="message")
    def message(self, one: Message) -> str:
        return f"msg_{one.pk}"

    @admin.display(description="age")
    def age(self, one: Message) -> str:
        return ago(one.created_at)

    @admin.display(description="deleted", boolean=True)
    def is_deleted(self, one: Message) -> bool:
        return one.deleted_at is not None

    @admin.display(description="sent")
    def sent(self, one: Message) -> str:
        return exactly_and_ago(one.created_at)

    @admin.display(description="deleted")
    def deleted(self, one: Message) -> str:
        return "No" if one.deleted_at is None else exactly_and_ago(one.deleted_at)

    @admin.display(description="text")
    def says(self, one: Message) -> str:
        return text(one.content)

    @admin.display(description="text")
    def says_nothing(self, one: Message) -> str:
        return hidden_note()
