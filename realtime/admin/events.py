"""The event log in the admin."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.http import urlencode

from realtime import log
from realtime.admin.base import UNFOLD, ReadOnlyAdmin
from realtime.admin.filters import InputFilter, PeopleFilter, PeriodFilter, TypeFilter
from realtime.admin.large import LargeTableAdmin
from realtime.admin.people import people_or_warning
from realtime.admin.replay import MOST_EVENTS, ReplayView, may_replay
from realtime.admin.searching import number_in, wanted_text, with_text
from realtime.admin.showing import EMPTY, ago, exactly_and_ago, link_to, pretty
from realtime.admin.viewing import PayloadAdmin, hidden_note, may_view_payload
from realtime.models import Event, EventRecipient
from realtime.users import parse_user_id, users_by_key

# Of more readers only so many are named.
NAMED = 20


class AudienceFilter(admin.SimpleListFilter):
    """Whom events are for."""

    title = "audience"
    parameter_name = "audience"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        # For a certain user there is a filter of its own.
        return [("everybody", "Everybody"), ("servers", "The servers")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        match self.value():
            case "everybody":
                return queryset.exclude(topic="")
            case "servers":
                return queryset.filter(control=True)
        return queryset


class ReaderFilter(PeopleFilter):
    """A user's own events."""

    title = "user"
    parameter_name = "user"

    def of(self, queryset: QuerySet[Event], keys: list[Any]) -> QuerySet[Event]:
        return queryset.filter(pk__in=_events_of(keys))


class ChannelFilter(InputFilter):
    """The events of one channel."""

    title = "channel"
    parameter_name = "channel"
    placeholder = "conversation:conv_7"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        return queryset if self.value() is None else queryset.filter(channel=self.value())


class LoggedFilter(PeriodFilter):
    """By the log's order: times are found in it without an index."""

    def since(self, queryset: QuerySet[Event], moment: datetime) -> QuerySet[Event]:
        return queryset.filter(sequence__gt=log.position_at(moment))


def _events_of(keys: list[Any]) -> QuerySet[Any, Any]:
    return EventRecipient.objects.filter(user__in=keys).values("event")


@admin.register(Event)
class EventAdmin(PayloadAdmin, LargeTableAdmin, ReadOnlyAdmin):
    """To look at, and to publish again to one user."""

    list_display = ("sequence", "type", "channel", "audience", "age")
    list_filter = (AudienceFilter, ReaderFilter, ChannelFilter, TypeFilter, LoggedFilter)
    search_fields = ("sequence",)  # and more: see get_search_results
    search_help_text = "A sequence, what it is of (msg_7), a user, or text:word among the newest."
    ordering = ("-sequence",)
    actions = ("replay",)
    payload_fields = ("payload",)
    change_form_template = "realtime/admin/event.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        # Payloads are the bulk of the table, and no list shows them.
        return super().get_queryset(request).defer("payload")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        contents = "contents" if may_view_payload(request) else "no_contents"
        about = ["subject", "written_by", "event_id"]
        return ["sequence", "type", "channel", "readers", "logged", *about, contents]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        changelist.result_list = _with_names(changelist.result_list)
        return changelist

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Event], search_term: str
    ) -> tuple[QuerySet[Event], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        if text := wanted_text(term):
            return with_text(request, queryset, "payload", text), False
        if (sequence := number_in(term, "")) is not None and (
            found := queryset.filter(pk=sequence)
        ).exists():
            return found, False
        if (of := queryset.filter(subject=term)).exists():
            return of, False
        return queryset.filter(pk__in=_events_of(people_or_warning(request, term))), False

    # --- what is shown -----------------------------------------------------------------

    @admin.display(description="audience")
    def audience(self, event: Event) -> str:
        if event.control:
            return "the servers"
        return "everybody" if event.topic else event.reader_names  # type: ignore[attr-defined]

    @admin.display(description="age")
    def age(self, event: Event) -> str:
        return ago(event.created_at)

    @admin.display(description="logged")
    def logged(self, event: Event) -> str:
        return exactly_and_ago(event.created_at)

    @admin.display(description="audience")
    def readers(self, event: Event) -> str:
        if event.control:
            return "The servers: an order that they carry out, and nobody is sent"
        if event.topic:
            return f"Everybody who follows {event.topic}"
        keys = _reader_ids(event)
        users = users_by_key([parse_user_id(key) for key in keys[:NAMED]])
        links = [(link_to(self, user, user.get_username()),) for user in users.values()]
        gone = len(keys[:NAMED]) - len(users)
        notes = [f"{len(keys) - NAMED} more"] if len(keys) > NAMED else []
        notes += [f"{gone} whose account is deleted"] if gone else []
        return format_html_join(", ", "{}", [*links, *((note,) for note in notes)]) or EMPTY

    @admin.display(description="author")
    def written_by(self, event: Event) -> str:
        users = users_by_key([parse_user_id(event.author)]) if event.author else {}
        return next((link_to(self, one, one.get_username()) for one in users.values()), EMPTY)

    @admin.display(description="payload")
    def contents(self, event: Event) -> str:
        return pretty(msgspec.json.decode(event.payload))

    @admin.display(description="payload")
    def no_contents(self, event: Event) -> str:
        return hidden_note()

    # --- publishing again --------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(ReplayView.as_view(model_admin=self))
        return [path("replay/", view, name=self._replay_name()), *super().get_urls()]

    def _replay_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_replay"

    def replay_page(self, *sequences: int) -> str:
        """The path of the page on which somebody is chosen to whom these are published again."""
        name = f"admin:{self._replay_name()}"
        query = urlencode({"sequence": sequences}, doseq=True)
        return f"{reverse(name, current_app=self.admin_site.name)}?{query}"

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return may_replay(request)

    @admin.action(description="Replay to a user…", permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet[Event]) -> HttpResponse | None:
        chosen = list(queryset.order_by("pk").values_list("pk", flat=True)[: MOST_EVENTS + 1])
        if len(chosen) > MOST_EVENTS:
            self.message_user(request, f"Choose at most {MOST_EVENTS} events to replay.", "ERROR")
            return None
        return HttpResponseRedirect(self.replay_page(*chosen))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        event = kwargs.get("obj")
        if event is not None and not event.control and may_replay(request):
            context |= {"replay_page": self.replay_page(event.pk), "unfold": UNFOLD}
        return super().render_change_form(request, context, *args, **kwargs)


def _reader_ids(event: Event) -> list[str]:
    return msgspec.json.decode(event.recipients, type=list[str])


def _with_names(events: Any) -> list[Event]:
    """The events of a page, with what `audience` says of those for certain users; one query."""
    found = list(events)
    alone = {event.pk: ids[0] for event in found if len(ids := _reader_ids(event)) == 1}
    users = users_by_key({parse_user_id(key) for key in alone.values()})
    names = {str(key): user.get_username() for key, user in users.items()}
    for event in found:
        key = alone.get(event.pk)
        many = f"{len(_reader_ids(event))} users"
        event.reader_names = many if key is None else names.get(key, f"{key} (deleted)")
    return found
