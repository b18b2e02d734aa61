"""The form of a broadcast: what is told, and whom. It sends nothing."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import msgspec
from django import forms
from django.contrib.auth import get_permission_codename, get_user_model
from django.contrib.auth.models import Group
from django.core.management.base import CommandError
from django.db.models import JSONField
from django.db.models.constants import LOOKUP_SEP
from django.http import HttpRequest
from django.views.debug import SafeExceptionReporterFilter

from notifications.audiences import Audience
from notifications.broadcasts import Content
from realtime.admin.base import RadioSelect, Select, Textarea, TextInput
from realtime.management.arguments import find_users

LONGEST_TEXT = 5_000
LONGEST_JSON = 10_000
DEEPEST_JSON = 50
LONGEST_NAMES = 100_000
LONGEST_FILTER = 2_000
# More people than this are in a group, or have something in common.
MOST_NAMED = 1_000
# So many are written out where it says whom it was for.
NAMED_IN_FULL = 5
# A regular expression can keep a database busy for hours.
REFUSED_LOOKUPS = {"regex", "iregex"}

AUDIENCES = [
    ("all", "All active users"),
    ("staff", "The staff"),
    ("group", "A group"),
    ("users", "Users by name"),
    ("filter", "Users by their fields"),
]


class JSONObjectField(forms.CharField):
    """A JSON object that every database can store; None: nothing was written."""

    widget = Textarea

    def __init__(self, **kwargs: Any) -> None:
        kwargs["widget"] = Textarea(attrs={"rows": 3, "spellcheck": "false"})
        super().__init__(required=False, max_length=LONGEST_JSON, **kwargs)

    def clean(self, value: Any) -> dict[str, Any] | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            found = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
            _check_depth(found)
        except (ValueError, RecursionError) as error:
            why = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            raise forms.ValidationError(
                'This is no JSON (%(why)s). Write an object, as {"day": 5}.', params={"why": why}
            ) from None
        if not isinstance(found, dict):
            raise forms.ValidationError('Write a JSON object, as {"day": 5}.')
        return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _finite(text: str) -> float:
    if math.isinf(number := float(text)):
        raise ValueError(f"{text} is too large")
    return number


def _check_depth(value: Any, levels: int = DEEPEST_JSON) -> None:
    if not levels:
        raise ValueError(f"more than {DEEPEST_JSON} levels")
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        _check_depth(one, levels - 1)


class BroadcastForm(forms.Form):
    """What an operator wants told, and whom. What is valid has `content` and `recipients`.

    Args:
        request: that of the operator: who may not look at users cannot choose by fields.
    """

    content: Content
    recipients: Audience

    audience = forms.ChoiceField(
        label="Whom",
        widget=RadioSelect,
        help_text="Disabled accounts, and who has muted the type, get nothing.",
        error_messages={"required": "Choose whom to tell."},
    )
    group = forms.ModelChoiceField(
        Group.objects.order_by("name"), required=False, label="Group", widget=Select
    )
    users = forms.CharField(
        required=False,
        max_length=LONGEST_NAMES,
        label="Users",
        widget=Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="Login names or ids, one a line or with commas between them.",
    )
    filter = forms.CharField(
        required=False,
        max_length=LONGEST_FILTER,
        label="Fields",
        widget=Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="FIELD=VALUE, one a line; all have to hold. Fields of the user, with Django's "
        "lookups: is_staff=false, date_joined__gte=2026-01-01, email__endswith=@example.org.",
    )
    message = forms.CharField(
        required=False,
        max_length=LONGEST_TEXT,
        label="Text",
        widget=Textarea(attrs={"rows": 4}),
        help_text="What people read. Empty: the text registered for the type, in each reader's "
        "language.",
    )
    type = forms.CharField(
        max_length=64,
        initial="announcement",
        label="Type",
        widget=TextInput,
        help_text="Users can mute a type; a site's own pages may show each in its way.",
    )
    params = JSONObjectField(
        label="Parameters",
        help_text="Of the text registered for the type, as a JSON object. Only without a text.",
    )
    post_id = forms.CharField(
        required=False,
        max_length=64,
        label="Post",
        widget=TextInput,
        help_text="What it is about, as post_7: the notification leads there.",
    )
    extra = JSONObjectField(
        label="Extra data", help_text="A JSON object for the site's own clients."
    )

    FIELDSETS = (
        ("Whom to tell", {"fields": ["audience", "group", "users", "filter"]}),
        ("What to tell", {"fields": ["message", "type"]}),
        (
            "Link, data, parameters",
            {"fields": ["post_id", "extra", "params"], "classes": ["collapse"]},
        ),
    )

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        by_fields = _may_view_users(request)
        choices: Any = self.fields["audience"]
        choices.choices = [one for one in AUDIENCES if by_fields or one[0] != "filter"]
        if not by_fields:
            del self.fields["filter"]

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if "audience" in given:
            self._clean_audience(given["audience"])
        if not self.errors.keys() & {"message", "type", "params", "post_id", "extra"}:
            self._clean_content()
        return given

    # --- whom --------------------------------------------------------------------------

    def _clean_audience(self, chosen: str) -> None:
        if chosen in self.errors:
            return
        try:
            self.recipients = getattr(self, f"_{chosen}")()
            _ = self.recipients.users
        except (ValueError, CommandError) as error:
            self.add_error(chosen if chosen in self.fields else "audience", str(error))

    def _all(self) -> Audience:
        return Audience("all active users")

    def _staff(self) -> Audience:
        return Audience("all active staff", [("is_staff", "true")])

    def _group(self) -> Audience:
        group = self.cleaned_data["group"]
        if group is None:
            raise ValueError("Choose a group.")
        return Audience(f"the active users in {group.name}", [("groups", str(group.pk))])

    def _users(self) -> Audience:
        names = [name for part in re.split(r"[\n,]", self.cleaned_data["users"])
                 if (name := part.strip())]  # fmt: skip
        if not names:
            raise ValueError("Name at least one user.")
        if len(names) > MOST_NAMED:
            raise ValueError(f"Name at most {MOST_NAMED:,} users; put more into a group.")
        users = find_users(names)
        if disabled := [user.get_username() for user in users if not user.is_active]:
            raise ValueError(f"Take out these disabled accounts: {', '.join(disabled)}.")
        shown = ", ".join(user.get_username() for user in users[:NAMED_IN_FULL])
        more = f" and {len(users) - NAMED_IN_FULL} more" if len(users) > NAMED_IN_FULL else ""
        return Audience.of(f"{shown}{more}", [user.pk for user in users])

    def _filter(self) -> Audience:
        lines = [line.strip() for line in self.cleaned_data["filter"].splitlines() if line.strip()]
        if not lines:
            raise ValueError("Write at least one FIELD=VALUE.")
        return Audience(
            f"the active users with {' and '.join(lines)}", [_lookup(line) for line in lines]
        )

    # --- what --------------------------------------------------------------------------

    def _clean_content(self) -> None:
        given = self.cleaned_data
        message = given["message"].replace("\r\n", "\n") or None
        if message is not None and given["params"] is not None:
            self.add_error("params", "Leave out either the text or these: they are of another.")
            return
        self.content = Content(
            type=given["type"],
            message=message,
            params=given["params"],
            post_id=given["post_id"] or None,
            extra=given["extra"],
        )
        try:
            self.content.check()
        except (ValueError, OverflowError, msgspec.MsgspecError) as error:
            why = str(error).removeprefix("notify: ")
            if message is None and given["params"] is None:
                why = f"Write a text: none fits that is registered for the type “{given['type']}”."
            self.add_error(next((one for one in ("params", "extra") if given[one]), "message"), why)


def _lookup(line: str) -> tuple[str, str]:
    """A lookup and its value, of fields about which it may be asked.

    Whoever can count users by a lookup can guess at what it compares: a password's hash,
    or what others' rows say. `manage.py broadcast` takes all lookups.

    Raises:
        ValueError: it is none, or of other fields.
    """
    lookup, equals, value = line.partition("=")
    lookup, value = lookup.strip(), value.strip()
    if not lookup or not equals:
        raise ValueError(f"{line}: write FIELD=VALUE, as is_staff=true.")
    name, *rest = lookup.split(LOOKUP_SEP)
    if name not in (usable := _usable_fields()):
        raise ValueError(f"{line}: choose among the fields {', '.join(usable)}.")
    if SafeExceptionReporterFilter.hidden_settings.search(lookup):
        raise ValueError(f"{line}: going by its name this is a secret.")
    if refused := REFUSED_LOOKUPS.intersection(rest):
        raise ValueError(f"{line}: {refused.pop()} may take too long; use contains or in.")
    return lookup, value


def _usable_fields() -> list[str]:
    """Fields of the user model itself that hold no secret, going by their names."""
    secret = SafeExceptionReporterFilter.hidden_settings
    options = get_user_model()._meta
    # Lookups go on into another model's rows, and into what a JSON field holds.
    fields = [
        one for one in options.concrete_fields
        if not one.is_relation and not isinstance(one, JSONField)
    ]  # fmt: skip
    own = [one.name for one in fields if not secret.search(one.name)]
    return own if options.pk.is_relation else ["pk", *own]


def _may_view_users(request: HttpRequest) -> bool:
    options = get_user_model()._meta
    names = (get_permission_codename(action, options) for action in ("view", "change"))
    return any(request.user.has_perm(f"{options.app_label}.{name}") for name in names)
