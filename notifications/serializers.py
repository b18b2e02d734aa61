"""Notifications in REST: the same fields as on the socket."""

from __future__ import annotations

from typing import Any

import msgspec
from rest_framework import serializers

from notifications.events import notification_payload
from notifications.models import Notification


class NotificationSerializer(serializers.Serializer[Notification]):
    """One notification; see `notifications.events.NotificationPayload`."""

    id = serializers.CharField()
    type = serializers.CharField()
    actor_id = serializers.CharField(allow_null=True)
    actor_name = serializers.CharField(allow_null=True)
    message = serializers.CharField()
    post_id = serializers.CharField(allow_null=True)
    read = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    read_at = serializers.DateTimeField(required=False)
    extra = serializers.JSONField(required=False)

    def to_representation(self, instance: Notification) -> dict[str, Any]:
        representation: dict[str, Any] = msgspec.to_builtins(notification_payload(instance))
        return representation
