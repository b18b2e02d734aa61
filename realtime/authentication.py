"""Who a token stands for: one function for handshakes and HTTP requests.

Tokens are JWTs as simplejwt issues and checks them (the site's SIMPLE_JWT
settings hold), but for two points the API reference asks for: `jti` and
`token_type` may be absent. A token of another type is refused.
"""

from __future__ import annotations

import time
from copy import copy
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import models
from django.http import HttpRequest
from jwt import ImmatureSignatureError
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework_simplejwt.exceptions import TokenBackendError, TokenBackendExpiredToken
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.state import token_backend
from rest_framework_simplejwt.utils import get_md5_hash_password

from realtime.errors import ErrorCode, RealtimeError
from realtime.revocation import is_revoked
from realtime.users import parse_field, user_id

SUBPROTOCOL = "socialhub.v1"
BEARER_SUBPROTOCOL = "bearer."
# By how many seconds the clocks of servers may differ.
CLOCK_DIFFERENCE = 60


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a token stands for.

    Attributes:
        user_id: the user's id as text.
        expires_at: when the token ends, in Unix seconds.
        user: the user, as read when the token was checked.
    """

    user_id: str
    expires_at: float
    user: AbstractBaseUser

    def seconds_left(self) -> float:
        """How long the token still holds; not negative."""
        return max(0.0, self.expires_at - time.time())


@dataclass(frozen=True, slots=True)
class _Claims:
    """What a good token says.

    Attributes:
        user_key: the value of simplejwt's USER_ID_FIELD.
        all: every claim.
    """

    user_key: Any
    expires_at: float
    all: dict[str, Any]


def authenticate(token: str | None, *, kind: str = "access") -> Identity:
    """The identity that `token` proves.

    Args:
        kind: the type of token that is good here, `access` or `refresh`.

    Raises:
        RealtimeError: MISSING_TOKEN, INVALID_TOKEN or TOKEN_EXPIRED.
    """
    (identity,) = authenticate_all([token], kind=kind)
    if isinstance(identity, Exception):
        raise identity
    return identity


def authenticate_all(
    tokens: list[str | None], *, kind: str = "access"
) -> list[Identity | Exception]:
    """For each token the identity, or why there is none; one query for all.

    What is not a RealtimeError comes from the site's own authentication rule.
    """
    checked = [_checked(token, kind) for token in tokens]
    users = _find_users([claims.user_key for claims in checked if isinstance(claims, _Claims)])
    return [
        claims if isinstance(claims, RealtimeError) else _identified_or_why(claims, users)
        for claims in checked
    ]


def _checked(token: str | None, kind: str) -> _Claims | RealtimeError:
    try:
        return _check(token, kind)
    except RealtimeError as error:
        return error


def _check(token: str | None, kind: str) -> _Claims:
    if not token:
        raise RealtimeError(ErrorCode.MISSING_TOKEN, "missing token")
    try:
        claims = _decode(token)
    except TokenBackendExpiredToken:
        raise RealtimeError(ErrorCode.TOKEN_EXPIRED, "token expired") from None
    except (TokenBackendError, UnicodeEncodeError):
        raise _invalid_token() from None
    type_claim = api_settings.TOKEN_TYPE_CLAIM
    expires_at = claims.get("exp")
    user = claims.get(api_settings.USER_ID_CLAIM)
    if (
        claims.get(type_claim, "access") != kind
        or not isinstance(expires_at, int | float)
        or isinstance(user, bool)
        or not isinstance(user, str | int)
    ):
        raise _invalid_token()
    try:
        key = parse_field(_user_field(), user)
    except (ValueError, OverflowError):
        raise _invalid_token() from None
    return _Claims(key, min(float(expires_at), time.time() + 10**9), claims)


def _user_field() -> models.Field[Any, Any]:
    """What a token names a user by."""
    model, name = get_user_model(), api_settings.USER_ID_FIELD
    field: models.Field[Any, Any]
    field = model._meta.pk if name in ("id", "pk") else model._meta.get_field(name)  # type: ignore[assignment]  # no relation
    return field


def _decode(token: str) -> dict[str, Any]:
    """The claims of a token that holds now.

    Raises:
        TokenBackendError: it does not.
    """
    try:
        claims: dict[str, Any] = token_backend.decode(token)  # type: ignore[arg-type]  # text will do
    except TokenBackendError as error:
        if not isinstance(error.__cause__, ImmatureSignatureError):
            raise
        # It seems to come from the future: the clock of who issued it is ahead of ours.
        tolerant = copy(token_backend)
        tolerant.leeway = CLOCK_DIFFERENCE
        claims = tolerant.decode(token)  # type: ignore[arg-type]
    return claims


def _find_users(keys: list[Any]) -> dict[Any, AbstractBaseUser]:
    if not keys:
        return {}
    field = _user_field()
    # With the revocation, if there is one: a handshake asks once for both.
    users = get_user_model()._default_manager.select_related("realtime_revocation")
    found = users.filter(**{f"{field.name}__in": keys})
    return {getattr(user, field.attname): user for user in found}


def _identified_or_why(claims: _Claims, users: dict[Any, AbstractBaseUser]) -> Identity | Exception:
    try:
        return _identified(claims, users)
    except Exception as error:  # this one's only: others come in
        return error


def _identified(claims: _Claims, users: dict[Any, AbstractBaseUser]) -> Identity | RealtimeError:
    user = users.get(claims.user_key)
    if user is None or not api_settings.USER_AUTHENTICATION_RULE(user):
        return _invalid_token()
    # Where the site asks for it, tokens end with the password that they were got by.
    if api_settings.CHECK_REVOKE_TOKEN and (
        claims.all.get(api_settings.REVOKE_TOKEN_CLAIM) != get_md5_hash_password(user.password)
    ):
        return _invalid_token()
    if is_revoked(user, claims.all.get("iat")):
        return _invalid_token()
    return Identity(user_id(user), claims.expires_at, user)


def _invalid_token() -> RealtimeError:
    return RealtimeError(ErrorCode.INVALID_TOKEN, "invalid token")


def bearer(authorization: str) -> str | None:
    """The token in an `Authorization: Bearer` header (RFC 6750, section 2.1)."""
    scheme, _, token = authorization.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def handshake_token(
    authorization: str, subprotocols: list[str], query: dict[str, str]
) -> str | None:
    """The token of a handshake: header, then subprotocol, then `?token=`."""
    offered = [name for name in subprotocols if name.startswith(BEARER_SUBPROTOCOL)]
    return (
        bearer(authorization)
        or (offered[0].removeprefix(BEARER_SUBPROTOCOL) if offered else None)
        or query.get("token")
    )


def request_token(request: HttpRequest | Request) -> str | None:
    """The token of an HTTP request: header, then `?token=`."""
    return bearer(request.META.get("HTTP_AUTHORIZATION", "")) or request.GET.get("token")


class JWTAuthentication(BaseAuthentication):
    """The same tokens for DRF views. No token leaves the request anonymous."""

    def authenticate(self, request: Request) -> tuple[AbstractBaseUser, Identity] | None:
        token = bearer(request.META.get("HTTP_AUTHORIZATION", ""))
        if token is None:
            return None
        identity = authenticate(token)
        return identity.user, identity

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'
