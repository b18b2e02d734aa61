"""Lists of tables that have millions of rows: no page counts or sorts all of them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.admin import ShowFacets
from django.contrib.admin.views.main import PAGE_VAR
from django.core.paginator import Page, Paginator
from django.db import connections
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from realtime.admin.base import ModelAdmin

# So many rows are counted; of more it is said that there are more.
COUNTED = 10_000
ROWS_PER_PAGE = 50


class Roughly(int):
    """A number of rows that was not counted, and says so."""

    def __new__(cls, value: int, form: str) -> Roughly:
        found = super().__new__(cls, value)
        found._form = form
        return found

    _form: str

    def __str__(self) -> str:
        # Where Django groups digits it takes this text for digits.
        plain = settings.USE_THOUSAND_SEPARATOR
        return int.__repr__(self) if plain else self._form.format(f"{int(self):,}")


class LargeTablePaginator(Paginator):
    """Counts a bounded number of rows, and fetches a page without those before it.

    Args:
        counted: how many rows are counted at most; there may be more pages.
    """

    def __init__(self, *args: Any, counted: int = COUNTED, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._counted = counted

    @cached_property
    def count(self) -> int:
        """How many rows there are: estimated, exact up to a bound, or "10,000+"."""
        rows: Any = self.object_list
        if not rows.query.where and (estimate := _rows_of_table(rows)) > COUNTED:
            return Roughly(estimate, "~{}")
        counted: int = rows.order_by()[: self._counted + 1].count()
        return counted if counted <= self._counted else Roughly(self._counted, "{}+")

    def page(self, number: int | str) -> Page[Any]:
        """A page. The rows before it are passed over by their keys, nothing is joined to them."""
        page = super().page(number)
        rows: Any = self.object_list
        page.object_list = rows.filter(pk__in=page.object_list.values("pk"))  # type: ignore[attr-defined]
        return page


def _rows_of_table(rows: QuerySet[Any]) -> int:
    """About how many rows the whole table has; 0: the database does not say."""
    connection = connections[rows.db]
    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        table = connection.ops.quote_name(rows.model._meta.db_table)
        cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [table])
        return int(cursor.fetchone()[0])


class LargeTableAdmin(ModelAdmin):
    """A list that is as quick with millions of rows as with a few.

    Subclasses filter and order by what has an index only. Facets would count each
    filter's rows, and a click on a column's head could sort the table.
    """

    list_per_page = ROWS_PER_PAGE
    show_facets = ShowFacets.NEVER
    show_full_result_count = False
    sortable_by = ()

    class Media:
        css = {"all": ["realtime/admin.css"]}

    def get_paginator(
        self,
        request: HttpRequest,
        queryset: QuerySet[Any],
        per_page: int,
        orphans: int = 0,
        allow_empty_first_page: bool = True,
    ) -> LargeTablePaginator:
        number = request.GET.get(PAGE_VAR, "")
        passed = int(number) * per_page if number.isdecimal() and len(number) < 10 else 0
        return LargeTablePaginator(
            queryset, per_page, orphans, allow_empty_first_page, counted=COUNTED + passed
        )
