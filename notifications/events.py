"""The wire types of notifications (API reference, *Notification Events*)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from notifications.models import Notification
from realtime.protocol import Payload, prefixed_id
from realtime.users import describe

CHANNEL = "notifications"
ID_PREFIX = "notif"


class NotificationPayload(Payload):
    """`notification`: something has happened to the user.

    `unread_count` is the state after it, so that counting clients need not add.
    """

    id: str
    type: str
    actor_id: str | None
    actor_name: str | None
    message: str
    post_id: str | None
    read: bool
    created_at: datetime
    extra: dict[str, Any] | UnsetType = UNSET
    read_at: datetime | UnsetType = UNSET
    unread_count: int | UnsetType = UNSET


class NotificationRead(Payload):
    """`notification_read`: one was read, on whichever of the user's devices."""

    notification_id: str
    read_at: datetime
    unread_count: int


class NotificationReadAll(Payload):
    """`notification_read_all`: all that there were have been read."""

    read_at: datetime
    unread_count: int


class NotificationReadRequest(Struct):
    """`notification_read`, from a client."""

    notification_id: str


def wire_id(pk: int) -> str:
    """A notification's id on the wire."""
    return prefixed_id(ID_PREFIX, pk)


def notification_payload(
    notification: Notification, *, unread_count: int | UnsetType = UNSET
) -> NotificationPayload:
    """A notification as clients see it; `actor` should have been selected with it."""
    actor = describe(notification.actor) if notification.actor is not None else None
    return NotificationPayload(
        id=wire_id(notification.pk),
        type=notification.type,
        actor_id=actor["id"] if actor else None,
        actor_name=actor["display_name"] if actor else None,
        message=notification.message,
        post_id=notification.post_id or None,
        read=notification.read_at is not None,
        created_at=notification.created_at,
        extra=notification.extra or UNSET,
        read_at=notification.read_at or UNSET,
        unread_count=unread_count,
    )
