"""The wire types of notifications (API reference, *Notification Events*)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from notifications import texts
from notifications.models import Notification
from realtime.protocol import Payload, UserId, prefixed_id
from realtime.users import describe

CHANNEL = "notifications"
ID_PREFIX = "notif"

NotificationId = Annotated[str, Meta(examples=["notif_1"])]


class NotificationPayload(Payload):
    """`notification`: something has happened to the user.

    `unread_count` is the state after it, so that counting clients need not add.
    """

    id: NotificationId
    type: Annotated[str, Meta(examples=["like"])]
    actor_id: UserId | None
    actor_name: Annotated[str, Meta(examples=["Bob Baker"])] | None
    message: Annotated[str, Meta(examples=["Bob liked your post"])]
    post_id: Annotated[str, Meta(examples=["post_1"])] | None
    read: bool
    created_at: datetime
    extra: dict[str, Any] | UnsetType = UNSET
    read_at: datetime | UnsetType = UNSET
    unread_count: int | UnsetType = UNSET


class NotificationRead(Payload):
    """`notification_read`: one was read, on whichever of the user's devices."""

    notification_id: NotificationId
    read_at: datetime
    unread_count: int


class NotificationReadAll(Payload):
    """`notification_read_all`: all that there were have been read."""

    read_at: datetime
    unread_count: int


class NotificationDeleted(Payload):
    """`notification_deleted`: it is gone, read or not."""

    notification_id: str
    unread_count: int


class Mutes(Payload):
    """`mutes_changed`, and what REST says of them: all that the user has muted.

    Attributes:
        types: types of notifications.
        keys: what `notify_coalesced` calls its key; a conversation's is its channel.
    """

    types: list[str]
    keys: list[str]


class NotificationReadRequest(Struct):
    """`notification_read`, from a client."""

    notification_id: NotificationId


def wire_id(pk: int) -> str:
    """A notification's id on the wire."""
    return prefixed_id(ID_PREFIX, pk)


def payload_start(pk: int) -> str:
    """How the payload of every `notification` event of this notification begins."""
    return f'{{"id":"{wire_id(pk)}",'


def notification_payload(
    notification: Notification,
    *,
    language: str | None = None,
    unread_count: int | UnsetType = UNSET,
) -> NotificationPayload:
    """A notification as clients see it; `actor` should have been selected with it.

    Args:
        language: the recipient's, from `texts.language_of`; None for the site's.
    """
    actor = describe(notification.actor) if notification.actor is not None else None
    return NotificationPayload(
        id=wire_id(notification.pk),
        type=notification.type,
        actor_id=actor["id"] if actor else None,
        actor_name=actor["display_name"] if actor else None,
        message=texts.render(notification, language),
        post_id=notification.post_id or None,
        read=notification.read_at is not None,
        created_at=notification.created_at,
        extra=notification.extra or UNSET,
        read_at=notification.read_at or UNSET,
        unread_count=unread_count,
    )
