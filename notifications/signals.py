"""Keeps counts and contents right when rows are deleted, as by the admin."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db.models.signals import pre_delete

from notifications import services
from notifications.models import Notification


def _on_notification(sender: Any, instance: Notification, origin: Any, **_: Any) -> None:
    # With its recipient's account everything goes: there is nobody to be told.
    if getattr(origin, "model", type(origin)) is Notification:
        services.uncount(instance)


def _on_user(sender: Any, instance: AbstractBaseUser, **_: Any) -> None:
    services.erase_actor(instance.pk)


def connect() -> None:
    """Listen to notifications and to the user model, whichever it is."""
    pre_delete.connect(_on_notification, sender=Notification, dispatch_uid="notifications.deleting")
    pre_delete.connect(
        _on_user, sender=get_user_model(), dispatch_uid="notifications.user_deleting"
    )
