"""Conversations in the admin: who takes part, who has read how far, what was said."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse

from messaging.admin.transcript import Transcript, transcript
from messaging.models import Conversation, Participant
from realtime.admin.base import ReadOnly, TabularInline
from realtime.admin.filters import PeopleFilter
from realtime.admin.large import LargeTableAdmin
from realtime.admin.people import people_or_warning
from realtime.admin.searching import number_in
from realtime.admin.showing import EMPTY, ago, exactly_and_ago
from realtime.admin.viewing import PayloadAdmin, hidden, hidden_note, may_view_payload

# In a list, of each conversation so many people are named.
NAMED = 3


class PersonFilter(PeopleFilter):
    """The conversations in which a user takes part, or has taken part."""

    title = "participant"
    parameter_name = "participant"

    def of(self, queryset: QuerySet[Conversation], keys: list[Any]) -> QuerySet[Conversation]:
        return queryset.filter(pk__in=_with(keys))


def _with(keys: list[Any]) -> QuerySet[Any, Any]:
    return Participant.objects.filter(user__in=keys).values("conversation")


class ParticipantInline(ReadOnly, TabularInline):
    """Each stay, and how far it was read. What reached a device is recorded nowhere."""

    model = Participant
    extra = 0
    classes = ("realtime-plain",)
    hide_title = True  # the same for unfold
    fields = ("user", "joined", "left", "read_through")
    readonly_fields = fields
    ordering = ("pk",)
    verbose_name_plural = "Participants, and how far each has read"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Participant]:
        return super().get_queryset(request).select_related("user", "conversation")

    @admin.display(description="joined")
    def joined(self, stay: Participant) -> str:
        return exactly_and_ago(stay.joined_at)

    @admin.display(description="left")
    def left(self, stay: Participant) -> str:
        return exactly_and_ago(stay.left_at)

    @admin.display(description="read through")
    def read_through(self, stay: Participant) -> str:
        upto = stay.left_position or stay.conversation.last_position
        read = stay.last_read_position
        return f"{read} of {upto}" if read < upto else f"all {upto}"


@admin.register(Conversation)
class ConversationAdmin(ReadOnly, PayloadAdmin, LargeTableAdmin):
    list_display = ("__str__", "kind", "people", "last_position", "age", "last_activity")
    list_filter = (PersonFilter,)
    search_fields = ("id",)  # and more: see get_search_results
    search_help_text = "A participant (name, e-mail or id), or conv_7."
    ordering = ("-id",)
    inlines = (ParticipantInline,)
    payload_fields = ("title",)
    change_form_template = "messaging/admin/conversation.html"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        title = "title" if may_view_payload(request) else "no_title"
        return ["kind", title, "creator", "created", "last_activity_exactly", "last_position"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Conversation]:
        # A few of each: a group may have hundreds.
        first = Participant.objects.filter(left_at=None).select_related("user").order_by("pk")
        few = Prefetch("participants", first[: NAMED + 1], to_attr="first_people")
        return super().get_queryset(request).prefetch_related(few)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Conversation], search_term: str
    ) -> tuple[QuerySet[Conversation], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        if (pk := number_in(term, "conv")) is not None:
            return queryset.filter(pk=pk), False
        return queryset.filter(Q(pk__in=_with(people_or_warning(request, term)))), False

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if (conversation := kwargs.get("obj")) is not None:
            # Looked up once: the admin's log is told of it too.
            conversation.transcript = context["transcript"] = self._transcript(
                request, conversation
            )
            context["hidden"] = "" if may_view_payload(request) else hidden()
        return super().render_change_form(request, context, *args, **kwargs)

    def viewed(self, request: HttpRequest, obj: Any) -> str:
        page = obj.transcript
        if not page.messages:
            return "Viewed the title."
        return f"Viewed the messages {page.first} to {page.last}."

    def _transcript(self, request: HttpRequest, conversation: Conversation) -> Transcript:
        before = number_in(request.GET.get("before", ""), "")
        return transcript(self, conversation, before)

    # --- what is shown -----------------------------------------------------------------

    @admin.display(description="participants")
    def people(self, conversation: Any) -> str:
        names = [stay.user.get_username() for stay in conversation.first_people]
        return ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "") or EMPTY

    @admin.display(description="kind")
    def kind(self, conversation: Conversation) -> str:
        return "two people" if conversation.pair else "group"

    @admin.display(description="title")
    def no_title(self, conversation: Conversation) -> str:
        return hidden_note()

    @admin.display(description="age")
    def age(self, conversation: Conversation) -> str:
        return ago(conversation.created_at)

    @admin.display(description="last activity")
    def last_activity(self, conversation: Conversation) -> str:
        return ago(conversation.last_activity_at)

    @admin.display(description="created")
    def created(self, conversation: Conversation) -> str:
        return exactly_and_ago(conversation.created_at)

    @admin.display(description="last activity")
    def last_activity_exactly(self, conversation: Conversation) -> str:
        return exactly_and_ago(conversation.last_activity_at)
