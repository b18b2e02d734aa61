"""Notifications in REST: the same fields as on the socket."""

from __future__ import annotations

from typing import Any

import msgspec
from rest_framework import serializers

from notifications.events import notification_payload
from notifications.models import Notification


class NotificationSerializer(serializers.Serializer[Notification]):
    """One notification, as `notifications.events.NotificationPayload` has it.

    `context["language"]` is the reader's.
    """

    def to_representation(self, instance: Notification) -> dict[str, Any]:
        representation: dict[str, Any] = msgspec.to_builtins(
            notification_payload(instance, language=self.context["language"])
        )
        return representation
