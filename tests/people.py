"""Alice, Bob, and Carol the outsider, on whichever user model the suite runs."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from rest_framework_simplejwt.state import token_backend
from rest_framework_simplejwt.tokens import AccessToken

PASSWORD = "correct horse battery staple"


def make_user(name: str, **fields: Any) -> Any:
    """A user called `name`."""
    model = get_user_model()
    if model.USERNAME_FIELD == "email":
        return model.objects.create_user(
            email=f"{name}@example.org", password=PASSWORD, name=name.title(), **fields
        )
    return model.objects.create_user(
        username=name, password=PASSWORD, first_name=name.title(), **fields
    )


def login_name(user: Any) -> str:
    """What the user types to log in."""
    return str(user.get_username())


def token_for(user: Any, *, lifetime: timedelta | None = None) -> str:
    """An access token for `user`.

    Args:
        lifetime: at least so much; `exp` is in whole seconds.
    """
    token = AccessToken.for_user(user)
    if lifetime is not None:
        token["exp"] = math.ceil((token.current_time + lifetime).timestamp())
    return str(token)


def signed(claims: dict[str, Any]) -> str:
    """A token with just these claims, signed with the right key."""
    return token_backend.encode(claims)
