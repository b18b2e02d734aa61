"""Tells watchers when the account of somebody who is shown as connected is deleted."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import pre_delete
from django.dispatch import receiver

from presence import services
from presence.models import Presence


@receiver(pre_delete, sender=Presence, dispatch_uid="presence.deleting")
def on_delete(sender: Any, instance: Presence, **kwargs: Any) -> None:
    """One user fewer."""
    services.announce_end(instance)
