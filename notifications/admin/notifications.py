"""Notifications in the admin."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import get_permission_codename
from django.db.models import Q, QuerySet
from django.http import HttpRequest, StreamingHttpResponse

from notifications import services, texts
from notifications.admin.announcements import announced_by, events_of, was_connected
from notifications.admin.export import csv_response
from notifications.models import Notification
from realtime.admin.filters import DayFilter, PeopleFilter, PeriodFilter, TypeFilter
from realtime.admin.large import LargeTableAdmin
from realtime.admin.people import people_or_warning
from realtime.admin.searching import number_in, wanted_text, with_text
from realtime.admin.showing import EMPTY, ago, exactly_and_ago, pretty, text
from realtime.admin.viewing import (
    PayloadAdmin,
    hidden_note,
    may_view_payload,
    record,
    record_for_all,
)
from realtime.errors import RealtimeError
from realtime.users import user_id

# An action is carried out for so many at once: each is an event of its own.
MOST_AT_ONCE = 1_000


class ReadFilter(admin.SimpleListFilter):
    """Read or not."""

    title = "read"
    parameter_name = "read"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [("no", "Unread"), ("yes", "Read")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Notification]
    ) -> QuerySet[Notification]:
        if self.value() not in ("no", "yes"):
            return queryset
        return queryset.filter(read_at__isnull=self.value() == "no")


class RecipientFilter(PeopleFilter):
    """The notifications of a user."""

    title = "recipient"
    parameter_name = "recipient"

    def of(self, queryset: QuerySet[Notification], keys: list[Any]) -> QuerySet[Notification]:
        return queryset.filter(recipient__in=keys)


class FromFilter(DayFilter):
    title = "first day"
    parameter_name = "from"
    lookup = "created_at__gte"


class UntilFilter(DayFilter):
    title = "last day"
    parameter_name = "until"
    lookup = "created_at__lt"
    added = timedelta(days=1)


@admin.register(Notification)
class NotificationAdmin(PayloadAdmin, LargeTableAdmin):
    """To look at, to mark, to send again, to delete. They are written by `services.notify`."""

    list_display = ("notification", "recipient", "actor", "type", "is_read", "age")
    list_filter = (ReadFilter, RecipientFilter, TypeFilter, PeriodFilter, FromFilter, UntilFilter)
    list_select_related = ("recipient", "actor")
    search_fields = ("recipient",)  # and more: see get_search_results
    search_help_text = "A user (name, e-mail or id), notif_7, or text:word among the newest."
    ordering = ("-id",)
    actions = ("mark_read", "mark_unread", "send_again", "export_csv")
    payload_fields = ("message", "params", "extra")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Notification | None = None) -> bool:
        return False

    def has_handle_permission(self, request: HttpRequest) -> bool:
        """Whose account has the permission to change them may mark and send them."""
        codename = get_permission_codename("change", self.opts)
        return bool(request.user.has_perm(f"{self.opts.app_label}.{codename}"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Notification]:
        return super().get_queryset(request).defer(*self.payload_fields)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        contents = ["says", "more"] if may_view_payload(request) else ["says_nothing"]
        log = ["announced_by", "was_connected"]
        of = ["post_id", "coalesce_key", "subject"]
        return ["recipient", "actor", "type", "created", "read", *contents, *of, *log]

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        found = super().get_object(request, *args, **kwargs)
        if found is not None:
            found.announcements = events_of(found)
        return found

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Notification], search_term: str
    ) -> tuple[QuerySet[Notification], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        if wanted := wanted_text(term):
            return with_text(request, queryset, "message", wanted), False
        if (pk := number_in(term, "notif")) is not None:
            return queryset.filter(pk=pk), False
        people = people_or_warning(request, term)
        return queryset.filter(Q(recipient__in=people) | Q(actor__in=people)), False

    # --- what is shown -----------------------------------------------------------------

    @admin.display(description="notification")
    def notification(self, one: Notification) -> str:
        return f"notif_{one.pk}"

    @admin.display(description="read", boolean=True)
    def is_read(self, one: Notification) -> bool:
        return one.read_at is not None

    @admin.display(description="age")
    def age(self, one: Notification) -> str:
        return ago(one.created_at)

    @admin.display(description="created")
    def created(self, one: Notification) -> str:
        return exactly_and_ago(one.created_at)

    @admin.display(description="read")
    def read(self, one: Notification) -> str:
        return "No" if one.read_at is None else exactly_and_ago(one.read_at)

    @admin.display(description="text")
    def says(self, one: Notification) -> str:
        return text(texts.render(one, texts.language_of(one.recipient)))

    @admin.display(description="text")
    def says_nothing(self, one: Notification) -> str:
        return hidden_note()

    @admin.display(description="params and extra")
    def more(self, one: Notification) -> str:
        return (
            pretty({"params": one.params, "extra": one.extra}) if one.params or one.extra else EMPTY
        )

    @admin.display(description="announced by")
    def announced_by(self, one: Any) -> str:
        return announced_by(self, one, one.announcements)

    @admin.display(description="recipient connected then")
    def was_connected(self, one: Any) -> str:
        return was_connected(self, one, one.announcements)

    # --- actions -----------------------------------------------------------------------

    @admin.action(description="Mark read, on the recipients' devices too", permissions=["handle"])
    def mark_read(self, request: HttpRequest, queryset: QuerySet[Notification]) -> None:
        chosen = queryset.filter(read_at=None)
        self._do(request, chosen, services.mark_read, "marked read")

    @admin.action(description="Mark unread, on the recipients' devices too", permissions=["handle"])
    def mark_unread(self, request: HttpRequest, queryset: QuerySet[Notification]) -> None:
        chosen = queryset.filter(read_at__isnull=False)
        self._do(request, chosen, services.mark_unread, "marked unread")

    @admin.action(description="Send again to the recipients' devices", permissions=["handle"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Notification]) -> None:
        self._do(request, queryset, services.announce_again, "sent again")

    @admin.action(description="Export as CSV", permissions=["view"])
    def export_csv(
        self, request: HttpRequest, queryset: QuerySet[Notification]
    ) -> StreamingHttpResponse:
        with_texts = may_view_payload(request)
        which = "all of a list" if request.POST.get("select_across") == "1" else "a selection"
        texts = "with texts" if with_texts else "without texts"
        record_for_all(request, Notification, f"Exported {which} as CSV, {texts}.")
        return csv_response(request, queryset.defer(None), with_texts=with_texts)

    def _do(
        self,
        request: HttpRequest,
        queryset: QuerySet[Notification],
        service: Callable[[str, int], object],
        done: str,
    ) -> None:
        """Have a service do it to each, and tell how it went."""
        chosen = list(queryset.select_related("recipient").order_by("pk")[: MOST_AT_ONCE + 1])
        if len(chosen) > MOST_AT_ONCE:
            self.message_user(
                request,
                f"Nothing was done: choose at most {MOST_AT_ONCE} notifications at once.",
                messages.ERROR,
            )
            return
        count = 0
        problems: defaultdict[str, list[str]] = defaultdict(list)
        for one in chosen:
            try:
                service(user_id(one.recipient), one.pk)
            except RealtimeError as error:  # as when it was deleted meanwhile
                problems[error.message].append(f"notif_{one.pk}")
            else:
                record(request, one, f"{done.capitalize()}.")
                count += 1
        self.message_user(request, f"{count} {done}.", messages.SUCCESS)
        for problem, ids in problems.items():
            self.message_user(request, f"{problem}: {', '.join(ids)}", messages.WARNING)
