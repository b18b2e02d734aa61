"""Filters for lists of large tables: none looks through all rows to offer its choices."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date

from realtime.admin.base import UNFOLD, TextInput
from realtime.admin.people import people_or_warning

# Of so many of the newest rows the types are offered.
NEWEST = 2_000
PERIODS = {
    "10min": (timedelta(minutes=10), "Past 10 minutes"),
    "1h": (timedelta(hours=1), "Past hour"),
    "24h": (timedelta(hours=24), "Past 24 hours"),
    "7d": (timedelta(days=7), "Past 7 days"),
    "30d": (timedelta(days=30), "Past 30 days"),
}


class InputFilter(SimpleListFilter):
    """A filter whose value is typed in.

    Attributes:
        input_type: the type of the HTML input.
        placeholder: an example of a value.
    """

    template = f"realtime/admin/{'unfold_' if UNFOLD else ''}input_filter.html"
    input_type = "text"
    placeholder = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return []

    def has_output(self) -> bool:
        return True

    def value(self) -> str | None:
        given = super().value()
        # No database takes it; nothing is called so.
        return given.replace("\x00", "\ufffd").strip() or None if given else None

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """What the template needs: the input, and the filters that stay as they are."""
        name, query = str(self.parameter_name), changelist.get_query_string
        attributes = {
            "id": f"filter-{name}",
            "type": self.input_type,
            "placeholder": self.placeholder,
        }
        yield {
            "name": name,
            "input": TextInput(attrs=attributes).render(name, self.value()),
            "selected": self.value() is not None,
            "query_string": query(remove=[name]),
            "others": [
                (key, value)
                for key, values in changelist.filter_params.items()
                if key not in (name, PAGE_VAR)
                for value in values
            ],
        }


class PeopleFilter(InputFilter):
    """Rows of a user, or of those whose names begin alike."""

    placeholder = "name, e-mail or id"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if (name := self.value()) is None:
            return queryset
        return self.of(queryset, people_or_warning(request, name))

    def of(self, queryset: QuerySet[Any], keys: list[Any]) -> QuerySet[Any]:
        """The rows of the users with these keys."""
        raise NotImplementedError


class DayFilter(InputFilter):
    """From or until a day, in the time zone of the admin. Subclasses say which.

    Attributes:
        lookup: as `created_at__gte`, on an indexed field.
        added: how far from the day's beginning.
    """

    input_type = "date"
    lookup: str
    added = timedelta()

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        try:
            day = parse_date(self.value() or "")
        except ValueError:  # as the 31st of February
            raise IncorrectLookupParameters(f"There is no day {self.value()}") from None
        if day is None:
            return queryset
        midnight = timezone.make_aware(datetime.combine(day, time.min))
        return queryset.filter(**{self.lookup: midnight + self.added})


class PeriodFilter(SimpleListFilter):
    """What is no older than an hour, a day, …"""

    title = "period"
    parameter_name = "period"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return [(name, label) for name, (_, label) in PERIODS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if (value := self.value()) not in PERIODS:
            return queryset
        return self.since(queryset, timezone.now() - PERIODS[value][0])

    def since(self, queryset: QuerySet[Any], moment: datetime) -> QuerySet[Any]:
        """The rows of this moment and later."""
        return queryset.filter(created_at__gte=moment)


class TypeFilter(SimpleListFilter):
    """The type of a notification or an event; offered are those of the newest rows."""

    title = "type"
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        rows = model_admin.model._default_manager.order_by("-pk")
        types = set(rows.values_list("type", flat=True)[:NEWEST])
        if (asked := self.value()) is not None:
            types.add(asked)
        return [(type, type) for type in sorted(types)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.value() is None else queryset.filter(type=self.value())
