"""Keeps the unread count right when notifications are deleted, as by the admin."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import pre_delete
from django.dispatch import receiver

from notifications import services
from notifications.models import Notification


@receiver(pre_delete, sender=Notification, dispatch_uid="notifications.deleting")
def on_delete(sender: Any, instance: Notification, **kwargs: Any) -> None:
    """One notification fewer."""
    services.uncount(instance)
