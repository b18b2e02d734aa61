"""May a client join, and with what state? Asked of the channel kinds, off the event loop.

Where it is known beforehand, the database is not asked; where one look does for all
clients that come at the same time, there is one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from realtime import database, registry
from realtime.database import Work
from realtime.errors import RealtimeError
from realtime.registry import ChannelKind, Snapshot
from realtime.together import ALONE, Alone, Together

States = dict[str, Snapshot]


async def refusals(user_id: str, channels: list[str]) -> dict[str, RealtimeError]:
    """For each channel that the user may not join, why."""
    if all(kind.is_open for kind in _kinds(channels).values()):
        return registry.refusals(user_id, channels)
    return await database.run(Work.ENTRY, registry.refusals, user_id, channels)


async def snapshots(user_id: str, channels: list[str]) -> States:
    """The state of each channel that the user may still see."""
    kinds = _kinds(channels).values()
    if not all(_is_shared(kind) for kind in kinds):
        return await database.run(Work.ENTRY, registry.snapshots, user_id, channels)
    if all(kind.is_stateless for kind in kinds):
        return registry.snapshots(user_id, channels)
    return await _together.ask(user_id, channels)


def _kinds(channels: Iterable[str]) -> dict[str, ChannelKind]:
    """The kind of each channel, but for those that there are none of: they are refused anyway."""
    kinds = {}
    for channel in channels:
        try:
            kinds[channel], _ = registry.find_channel(channel)
        except RealtimeError:
            continue
    return kinds


def _is_shared(kind: ChannelKind) -> bool:
    return kind.is_open and (kind.snapshot_of_users is not None or kind.is_stateless)


def snapshots_of_users(calls: list[tuple[str, list[str]]]) -> list[States | Alone | Exception]:
    """Each caller's states, by one call of each kind; if that fails, each for itself."""
    asked = [(user_id, _kinds(channels)) for user_id, channels in calls]
    users: defaultdict[ChannelKind, dict[str, None]] = defaultdict(dict)
    for user_id, kinds in asked:
        for kind in kinds.values():
            users[kind][user_id] = None
    try:
        states = {
            kind: kind.snapshot_of_users(list(found))
            for kind, found in users.items()
            if kind.snapshot_of_users is not None
        }
    except Exception:
        return [ALONE for _ in calls]
    return [
        {
            channel: dict(states[kind][user_id]) if kind in states else {}
            for channel, kind in kinds.items()
            if kind not in states or user_id in states[kind]  # else the user exists no more
        }
        for user_id, kinds in asked
    ]


_together: Together[States] = Together(Work.ENTRY, registry.snapshots, snapshots_of_users)
