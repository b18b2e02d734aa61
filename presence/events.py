"""The wire types of presence (API reference, *Presence Events*)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from presence.models import Presence
from realtime.protocol import Payload, UserId

# The channel of everybody, and the topic of everybody's events.
CHANNEL = TOPIC = "presence"

Status = Annotated[str, Meta(extra_json_schema={"enum": list(Presence.Status.values)})]


class PresencePayload(Payload):
    """`presence`: a user's status has changed.

    `last_seen` is when the user was connected last, as known at this change;
    null for who never was.
    """

    user_id: UserId
    status: Status
    last_seen: datetime | None


class PresenceList(Payload):
    """Several users, in the snapshot of `presence` and over REST.

    `truncated` is there, and true, where there were more.
    """

    users: list[PresencePayload]
    truncated: bool | UnsetType = UNSET


class PresenceRequest(Struct):
    """`presence`, from a client. Nobody sets offline: that is for the server to say."""

    status: Literal["online", "away", "busy"]


def channel_of(user_id: str) -> str:
    """The channel of one user's presence."""
    return f"{CHANNEL}:{user_id}"


def presence_payload(key: Any, presence: Presence | None) -> PresencePayload:
    """One user's presence as clients see it.

    Args:
        key: the user's primary key.
        presence: None for a user of whom nothing was ever announced.
    """
    if presence is None:
        return PresencePayload(str(key), Presence.Status.OFFLINE.value, None)
    return PresencePayload(str(key), str(presence.status), presence.last_seen)
