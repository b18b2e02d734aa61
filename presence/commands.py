"""What the presence app plugs into the engine; see `realtime.registry`."""

from __future__ import annotations

import msgspec

from presence import services
from presence.events import CHANNEL, TOPIC, PresencePayload, PresenceRequest
from realtime import registry
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


def _joinable(user_id: str, arguments: list[str]) -> set[str]:
    """Those of the users who exist and may be watched, and "" for everybody."""
    named = services.statuses(argument for argument in arguments if _is_wire_id(argument))
    joinable = {one.user_id for one in named if services.may_watch(user_id, one.user_id)}
    if "" in arguments and services.may_watch_everybody():
        joinable.add("")
    return joinable


def _is_wire_id(argument: str) -> bool:
    """Whether it is an id as events have it: no event is on `presence:007`."""
    try:
        return str(parse_user_id(argument)) == argument
    except ValueError:
        return False


def _snapshots(user_id: str, arguments: list[str]) -> dict[str, Snapshot]:
    named = services.statuses(argument for argument in arguments if argument)
    found = {payload.user_id: _as_mapping(payload) for payload in named}
    if "" in arguments:
        found[""] = _as_mapping(services.who_is_online())
    return found


def _as_mapping(payload: msgspec.Struct) -> Snapshot:
    mapping: Snapshot = msgspec.to_builtins(payload)
    return mapping


def _topic(channel: str) -> str:
    return TOPIC


register_channel(
    ChannelKind(
        CHANNEL,
        authorize_many=_joinable,
        snapshot_many=_snapshots,
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
