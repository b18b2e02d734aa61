"""Who of the staff sees what people wrote, and the record of who has looked.

Texts of messages and notifications, and the payloads of events, are for those with the
permission `view_payload`. It is asked for under the label that the app has on this site.
Lists show no texts to anybody, so that one look is one entry in the admin's log.
"""

from __future__ import annotations

from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.db.models.constants import LOOKUP_SEP
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.text import capfirst

from realtime.admin.base import ModelAdmin
from realtime.models import Event


def permission() -> str:
    """The permission's name, as `realtime.view_payload`."""
    return f"{Event._meta.app_label}.view_payload"


def may_view_payload(request: HttpRequest) -> bool:
    """Whether this member of the staff sees texts and payloads."""
    return bool(request.user.has_perm(permission()))


def hidden() -> str:
    """What is shown in place of a text."""
    return f"hidden: needs the permission {permission()}"


def hidden_note() -> str:
    """The same as a field of a page shows it."""
    return format_html('<span class="realtime-hidden">{}</span>', hidden())


def record(request: HttpRequest, obj: Model, message: str, *, flag: int = CHANGE) -> None:
    """Enter in the admin's log that somebody has looked at, or done something with, `obj`.

    Args:
        flag: of `LogEntry`; DELETION where `obj` is then no longer there.
    """
    _enter(request, type(obj), str(obj.pk), str(obj), message, flag)


def record_for_all(request: HttpRequest, model: type[Model], message: str) -> None:
    """The same of many rows at once, as an export."""
    _enter(request, model, None, capfirst(str(model._meta.verbose_name_plural)), message, CHANGE)


def _enter(
    request: HttpRequest, model: type[Model], key: str | None, name: str, message: str, flag: int
) -> None:
    LogEntry.objects.create(
        user_id=str(request.user.pk),
        content_type=ContentType.objects.get_for_model(model, for_concrete_model=False),
        object_id=key,
        object_repr=name[:200],
        action_flag=flag,
        change_message=message,
    )


class PayloadAdmin(ModelAdmin):
    """Pages of a model with contents that only some may see.

    Attributes:
        payload_fields: the names of the model's fields that hold them.
    """

    payload_fields: tuple[str, ...] = ()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return list(self.get_fields(request, obj))

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        # `?message__startswith=…` would tell what it does not show.
        if lookup.split(LOOKUP_SEP)[0] in self.payload_fields and not may_view_payload(request):
            return False
        return super().lookup_allowed(lookup, value, request)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        obj = kwargs.get("obj")
        if obj is not None and may_view_payload(request):
            record(request, obj, self.viewed(request, obj))
        return super().render_change_form(request, context, *args, **kwargs)

    def viewed(self, request: HttpRequest, obj: Any) -> str:
        """What the admin's log says of a look at this page."""
        return "Viewed the contents."
