"""What the notifications app plugs into the engine; see `realtime.registry`."""

from __future__ import annotations

from notifications import broadcast_queue, reminders, services
from notifications.events import (
    CHANNEL,
    ID_PREFIX,
    Mutes,
    NotificationDeleted,
    NotificationPayload,
    NotificationRead,
    NotificationReadAll,
    NotificationReadRequest,
)
from realtime.protocol import Empty, parse_prefixed_id
from realtime.registry import (
    Caller,
    ChannelKind,
    Snapshot,
    command,
    register_channel,
    register_event,
    register_upkeep,
)


def _snapshots(user_ids: list[str]) -> dict[str, Snapshot]:
    counts = services.unread_counts(user_ids)
    return {user_id: {"unread_count": count} for user_id, count in counts.items()}


register_channel(ChannelKind(CHANNEL, snapshot_of_users=_snapshots, automatic=True, polled=True))
register_event("notification", NotificationPayload, logged=True, channel=CHANNEL)
register_event("notification_read", NotificationRead, logged=True, channel=CHANNEL)
register_event("notification_read_all", NotificationReadAll, logged=True, channel=CHANNEL)
register_event("notification_deleted", NotificationDeleted, logged=True, channel=CHANNEL)
register_event("mutes_changed", Mutes, logged=True, channel=CHANNEL)
register_upkeep(reminders.LOOK_SECONDS, reminders.remind)
register_upkeep(broadcast_queue.LOOK_SECONDS, broadcast_queue.carry_out)


@command("notification_read", NotificationReadRequest)
def notification_read(caller: Caller, request: NotificationReadRequest) -> NotificationRead:
    """Mark one notification read."""
    pk = parse_prefixed_id(ID_PREFIX, request.notification_id, field="payload.notification_id")
    return services.mark_read(caller.user_id, pk)


@command("notification_read_all", Empty)
def notification_read_all(caller: Caller, request: Empty) -> NotificationReadAll:
    """Mark all notifications read."""
    return services.mark_all_read(caller.user_id)
