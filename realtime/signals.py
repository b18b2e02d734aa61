"""Ends a user's connections when the user may no longer have them.

The notice is a control event in the log: it reaches every node, without Redis
too. What sends no signal (`QuerySet.update`) is found by each node's check.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import router, transaction
from django.db.models.signals import post_delete, post_migrate, post_save
from rest_framework_simplejwt.settings import api_settings

from realtime import log
from realtime.errors import CloseCode
from realtime.models import OutboxEvent


def close_user(user: AbstractBaseUser, code: CloseCode, reason: str) -> None:
    """Close all connections of `user` on every node, once this is committed.

    Args:
        code: the close code; 4500 and above keep the clients from coming back.
        reason: for the `disconnect` frame, in snake_case.
    """
    with transaction.atomic(using=router.db_for_write(OutboxEvent)):
        log.append(
            log.CLOSE_USER,
            {"code": int(code), "reason": reason},
            recipients=[user.pk],
            control=True,
        )


def _on_save(sender: Any, instance: AbstractBaseUser, created: bool, raw: bool, **_: Any) -> None:
    if not created and not raw and not api_settings.USER_AUTHENTICATION_RULE(instance):
        close_user(instance, CloseCode.ACCOUNT_DISABLED, "account_disabled")


def _on_delete(sender: Any, instance: AbstractBaseUser, **_: Any) -> None:
    close_user(instance, CloseCode.ACCOUNT_DISABLED, "account_disabled")


def _make_head(sender: Any, using: str, **_: Any) -> None:
    if using == router.db_for_write(OutboxEvent):
        log.ensure_head()


def connect() -> None:
    """Listen to the user model, whichever it is."""
    from django.apps import apps

    user_model = get_user_model()
    post_save.connect(_on_save, sender=user_model, dispatch_uid="realtime.user_saved")
    post_delete.connect(_on_delete, sender=user_model, dispatch_uid="realtime.user_deleted")
    post_migrate.connect(_make_head, sender=apps.get_app_config("realtime"))
