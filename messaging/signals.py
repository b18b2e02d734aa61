"""Deletions by the site's own code, as by the admin: told, and erased everywhere."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db.models.signals import post_delete, pre_delete

from messaging import deletion
from messaging.models import Message


def _before_message(sender: Any, instance: Message, origin: Any, **_: Any) -> None:
    # With its conversation everything goes: there is nobody to be told.
    if getattr(origin, "model", type(origin)) is Message:
        deletion.tell_deleted(instance)


def _after_message(sender: Any, instance: Message, **_: Any) -> None:
    deletion.erase(instance)


def _before_user(sender: Any, instance: AbstractBaseUser, **_: Any) -> None:
    deletion.forget_user(instance.pk)


def connect() -> None:
    """Listen to messages and to the user model, whichever it is."""
    pre_delete.connect(_before_message, sender=Message, dispatch_uid="messaging.deleting")
    post_delete.connect(_after_message, sender=Message, dispatch_uid="messaging.deleted")
    pre_delete.connect(
        _before_user, sender=get_user_model(), dispatch_uid="messaging.user_deleting"
    )
