"""Revoking tokens: those issued before a moment are no longer good, for one user."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from realtime import log, protocol
from realtime.errors import CloseCode
from realtime.models import TokenRevocation
from realtime.rights import close_user


def revoke_tokens(user: AbstractBaseUser, reason: str = "token_revoked") -> None:
    """End all tokens that the user has now, and the connections made with them.

    Access tokens and, at `auth/token/refresh`, refresh tokens; at simplejwt's own views
    refresh tokens where its blacklist app is installed. A token got a moment later is good
    again.

    Args:
        user: an instance of the user model.
        reason: for the `disconnect` frame, in snake_case.
    """
    with transaction.atomic(using=log.database_alias()):
        TokenRevocation.objects.update_or_create(
            user_id=user.pk, defaults={"revoked_at": protocol.now()}
        )
        _blacklist_refresh_tokens(user)
        close_user(user.pk, CloseCode.TOKEN_EXPIRED, reason)


def _blacklist_refresh_tokens(user: AbstractBaseUser) -> None:
    if not apps.is_installed("rest_framework_simplejwt.token_blacklist"):
        return
    models: Any = apps.get_app_config("token_blacklist")
    outstanding, blacklisted = (
        models.get_model("OutstandingToken"),
        models.get_model("BlacklistedToken"),
    )
    for token in outstanding.objects.filter(user=user, blacklistedtoken=None):
        blacklisted.objects.get_or_create(token=token)


def is_revoked(user: Any, issued_at: object) -> bool:
    """Whether a token of `user` that was issued at `issued_at` has been revoked.

    Args:
        issued_at: the `iat` claim in Unix seconds. A token without one is older
            than any revocation.
    """
    revocation: TokenRevocation | None = getattr(user, "realtime_revocation", None)
    if revocation is None:
        return False
    # `iat` has whole seconds: a token of the same second may be the new one.
    return not isinstance(issued_at, int | float) or issued_at < int(
        revocation.revoked_at.timestamp()
    )
