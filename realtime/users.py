"""Users as the engine sees them: keys as text, descriptions by a hook."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import models, router

from realtime.compiled import Compiled, attributes
from realtime.conf import UserDescription, hook


def user_id(user: AbstractBaseUser) -> str:
    """The user's id on the wire: the primary key as text."""
    return str(user.pk)


def parse_user_id(value: object) -> Any:
    """The primary key in a wire id, in the type of the user model's key.

    Raises:
        ValueError: no user can have this id.
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"not a user id: {value!r}")
    return parse_field(_key_field(), value)


@cache
def _key_field() -> models.Field[Any, Any]:
    return get_user_model()._meta.pk


def users_by_key(keys: Collection[Any]) -> dict[Any, AbstractBaseUser]:
    """Those of these users that there are, as the user model's own manager has them."""
    model = get_user_model()
    found = _users().instances(router.db_for_read(model), model, keys=keys)
    return {user.pk: user for user in found}


@cache
def _users() -> Compiled:
    model = get_user_model()
    return Compiled(
        lambda keys: (
            model._default_manager.filter(pk__in=keys).order_by().values_list(*attributes(model))
        ),
        fields={"keys": model._meta.pk},
    )


def parse_field(field: models.Field[Any, Any], value: str | int) -> Any:
    """`value` as the model field has it, if the database can hold it.

    Raises:
        ValueError: it cannot.
    """
    try:
        key = field.to_python(value)
        field.run_validators(key)
    except ValidationError as error:
        raise ValueError(f"not a user id: {value!r}") from error
    if key is None or (isinstance(key, str) and "\x00" in key):
        raise ValueError(f"not a user id: {value!r}")
    return key


def everyone_may(one_id: str, other_id: str) -> bool:
    """The default of `MAY_MESSAGE` and `MAY_WATCH`."""
    return True


def site_language(user: AbstractBaseUser) -> str:
    """The default of `USER_LANGUAGE`."""
    return settings.LANGUAGE_CODE


def ignore(notification: object) -> None:
    """The default of `ON_UNREAD`."""


def describe(user: AbstractBaseUser) -> UserDescription:
    """What other users may see of `user`, by the site's `DESCRIBE_USER` hook."""
    description: UserDescription = hook("DESCRIBE_USER")(user)
    return description


def describe_user(user: AbstractBaseUser) -> UserDescription:
    """The default `DESCRIBE_USER`: Django's own names, and never an e-mail address."""
    by_email = getattr(user, "USERNAME_FIELD", "") == user.get_email_field_name()
    username = f"user-{user.pk}" if by_email else user.get_username()
    get_full_name = getattr(user, "get_full_name", None)
    full_name = get_full_name().strip() if get_full_name else ""
    return {
        "id": user_id(user),
        "username": username,
        "display_name": full_name or username,
        "avatar_url": None,
    }
