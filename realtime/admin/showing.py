"""How the admin's pages show moments, users and JSON."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.template.defaultfilters import filesizeformat
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html

from realtime.admin.base import ModelAdmin

EMPTY = "-"
# The classes are unfold's; the other theme colours all links.
_LINK = '<a class="realtime-link text-primary-600 dark:text-primary-500" href="{}">{}</a>'
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def ago(moment: datetime | None) -> str:
    """How long ago it was, as "3 h ago"; the exact time shows on hovering."""
    if moment is None:
        return EMPTY
    seconds = int((timezone.now() - moment).total_seconds())
    size, unit = next((one for one in _UNITS if seconds >= one[0]), (1, "s"))
    text = f"{seconds // size} {unit} ago" if seconds >= 1 else "now"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', moment.isoformat(), exactly(moment), text
    )


def exactly(moment: datetime) -> str:
    """A moment to the second, in the time zone of the admin."""
    return date_format(timezone.localtime(moment), "Y-m-d H:i:s e")


def exactly_and_ago(moment: datetime | None) -> str:
    """Both, for a page of details."""
    return EMPTY if moment is None else format_html("{} ({})", exactly(moment), ago(moment))


def size(number: int | None) -> str:
    """A number of bytes, as "1.2 MB"; of what is not known, a dash."""
    return EMPTY if number is None else filesizeformat(number)


def link(path: str, text: object) -> str:
    """A link to one of the admin's pages."""
    return format_html(_LINK, path, text)


def page_of(model_admin: ModelAdmin, obj: Any) -> str:
    """The path of an object's page in the same admin site; empty: it has none there."""
    options = obj._meta
    if not model_admin.admin_site.is_registered(obj.__class__):
        return ""
    try:
        return reverse(
            f"admin:{options.app_label}_{options.model_name}_change",
            args=[obj.pk],
            current_app=model_admin.admin_site.name,
        )
    except NoReverseMatch:
        return ""


def link_to(model_admin: ModelAdmin, obj: Any, text: object = None) -> str:
    """A link to an object's page, or only its name where it has no page."""
    shown = str(obj) if text is None else text
    path = page_of(model_admin, obj)
    return link(path, shown) if path else format_html("{}", shown)


def pretty(value: Any) -> str:
    """A value as JSON that people read."""
    shown = json.dumps(value, indent=2, ensure_ascii=False, cls=DjangoJSONEncoder)
    return format_html('<pre class="realtime-text">{}</pre>', shown)


def text(content: str) -> str:
    """What somebody wrote, with its lines as they are."""
    return format_html('<div class="realtime-text">{}</div>', content)
