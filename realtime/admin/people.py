"""Finding users by what operators know of them, whatever the site's user model."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Q
from django.http import HttpRequest

from realtime.users import parse_user_id

# How many people the beginning of a name stands for.
MOST_PEOPLE = 50


def users_matching(text: str) -> list[Any]:
    """The keys of the users whom `text` may mean, by indexes only.

    That is whoever has it as login name, key or e-mail address; if nobody has, those
    whose login name begins with it, at most 51.
    """
    model = get_user_model()
    users = model._default_manager.order_by("pk").values_list("pk", flat=True)
    if exact := list(users.filter(_named(text))[: MOST_PEOPLE + 1]):
        return exact
    return list(users.filter(**{f"{model.USERNAME_FIELD}__startswith": text})[: MOST_PEOPLE + 1])


def _named(text: str) -> Q:
    model = get_user_model()
    named = Q(**{model.USERNAME_FIELD: text})
    try:
        named |= Q(pk=parse_user_id(text))
    except ValueError:
        pass  # no key looks like this
    email = model.get_email_field_name()
    if "@" in text and email != model.USERNAME_FIELD and _has_field(email):
        named |= Q(**{email: text})
    return named


def _has_field(name: str) -> bool:
    try:
        get_user_model()._meta.get_field(name)
    except FieldDoesNotExist:
        return False
    return True


def people_or_warning(request: HttpRequest, text: str) -> list[Any]:
    """`users_matching`, with a warning on the page where they are too many."""
    found = users_matching(text)
    if len(found) > MOST_PEOPLE:
        messages.warning(
            request, f"More than {MOST_PEOPLE} people begin with “{text}”: type more of the name."
        )
    return found[:MOST_PEOPLE]
