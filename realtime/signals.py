"""Ends a user's connections when the user may no longer have them.

The notice is a control event in the log: it reaches every node, without Redis
too. What sends no signal (`QuerySet.update`) is found by each node's check.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.apps.registry import Apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.signals import user_logged_out
from django.db import router
from django.db.models.signals import post_delete, post_migrate, post_save
from rest_framework_simplejwt.settings import api_settings

from realtime import log
from realtime.erasure import erase_user
from realtime.errors import CloseCode
from realtime.models import LogHead, OutboxEvent
from realtime.revocation import revoke_tokens
from realtime.rights import close_user


def _on_save(sender: Any, instance: AbstractBaseUser, created: bool, raw: bool, **_: Any) -> None:
    if created or raw:
        return
    if not api_settings.USER_AUTHENTICATION_RULE(instance):
        close_user(instance.pk, CloseCode.ACCOUNT_DISABLED, "account_disabled")
    elif getattr(instance, "_password", None) is not None:
        # Django keeps the new password in the clear until the save is done.
        revoke_tokens(instance, "password_changed")


def _on_logout(sender: Any, user: AbstractBaseUser | None, **_: Any) -> None:
    if user is not None:
        close_user(user.pk, CloseCode.TOKEN_EXPIRED, "logged_out")


def _on_delete(sender: Any, instance: AbstractBaseUser, **_: Any) -> None:
    close_user(instance.pk, CloseCode.ACCOUNT_DISABLED, "account_disabled")
    erase_user(instance.pk)


def _make_head(sender: Any, using: str, apps: Apps = apps, **_: Any) -> None:
    # The tables as they are now: there are none yet, or no longer, if other apps alone
    # were migrated, or this one was taken back.
    migrated = LogHead._meta.model_name in apps.all_models[LogHead._meta.app_label]
    if migrated and using == router.db_for_write(OutboxEvent):
        log.ensure_head()


def connect() -> None:
    """Listen to the user model, whichever it is."""
    user_model = get_user_model()
    post_save.connect(_on_save, sender=user_model, dispatch_uid="realtime.user_saved")
    user_logged_out.connect(_on_logout, dispatch_uid="realtime.user_logged_out")
    post_delete.connect(_on_delete, sender=user_model, dispatch_uid="realtime.user_deleted")
    post_migrate.connect(_make_head, sender=apps.get_containing_app_config(__name__))
