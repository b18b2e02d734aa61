"""What the presence app plugs into the engine; see `realtime.registry`."""

from __future__ import annotations

import msgspec

from presence import services
from presence.events import CHANNEL, TOPIC, PresencePayload, PresenceRequest
from realtime import registry
from realtime.errors import channel_not_found
from realtime.registry import (
    Caller,
    ChannelKind,
    Snapshot,
    command,
    register_channel,
    register_event,
)
from realtime.users import parse_user_id

GRACE_CHECK_SECONDS = 1.0
LOST_CHECK_SECONDS = 30.0


def _may_join(user_id: str, argument: str) -> bool:
    if not argument:
        return services.may_watch_everybody()
    return (
        _is_wire_id(argument)
        and bool(services.statuses([argument]))
        and services.may_watch(user_id, argument)
    )


def _is_wire_id(argument: str) -> bool:
    """Whether it is an id as events have it: no event is on `presence:007`."""
    try:
        return str(parse_user_id(argument)) == argument
    except ValueError:
        return False


def _snapshot(user_id: str, argument: str) -> Snapshot:
    if not argument:
        return _as_mapping(services.who_is_online())
    for payload in services.statuses([argument]):
        return _as_mapping(payload)
    raise channel_not_found(f"{CHANNEL}:{argument}")  # the user was deleted just now


def _as_mapping(payload: msgspec.Struct) -> Snapshot:
    mapping: Snapshot = msgspec.to_builtins(payload)
    return mapping


def _topic(channel: str) -> str:
    return TOPIC


register_channel(
    ChannelKind(
        CHANNEL,
        authorize=_may_join,
        snapshot=_snapshot,
        optional_argument=True,
        topic=_topic,
    )
)
register_event("presence", PresencePayload, logged=True, channel="presence,presence:{userId}")


@command("presence", PresenceRequest)
def presence(caller: Caller, request: PresenceRequest) -> PresencePayload:
    """Set one's own status."""
    on_socket = bool(caller.connection_id)
    return services.set_status(caller.user_id, request.status, on_socket=on_socket)


registry.on_connections_changed(services.decide)
registry.register_upkeep(GRACE_CHECK_SECONDS, services.finish_graces)
registry.register_upkeep(LOST_CHECK_SECONDS, services.find_lost)
