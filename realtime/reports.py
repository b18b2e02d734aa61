"""What a node reports about itself and its connections, for operators to look at.

Written beside the lease, about as often, to the node's row and to those of its sessions.
Nothing rests on it: a report that fails is made again the next time, and holds up neither
the lease nor any client. Only sessions whose figures have changed are written, many by one
statement.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple
from uuid import UUID

from django.db import router, transaction
from django.db.models import Subquery, Value
from django.db.models.functions import Now

from realtime import database
from realtime.bulk import update_many
from realtime.connection import Connection
from realtime.database import Work
from realtime.models import LogHead, Node, Session

DISTRIBUTION = "socialhub-realtime"
# So many are looked at in one step of the event loop: under a millisecond.
LOOKED_AT = 500
# So many sessions are written by one statement.
WRITTEN = 500


class Figures(NamedTuple):
    """What is reported of one connection."""

    subscriptions: int
    buffered_bytes: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How a node stands.

    Attributes:
        position: the last event that it has handed out.
        waiting_polls: polls that wait there now.
        leaving: it is shutting down, and sends its clients away.
    """

    position: int
    waiting_polls: int
    leaving: bool


class Reporter:
    """One node's reports.

    Args:
        node_id: the node's.
    """

    def __init__(self, node_id: UUID) -> None:
        self._node_id = node_id
        # What the registry says of each session.
        self._told: dict[UUID, Figures] = {}

    def forget(self, session_id: UUID) -> None:
        """This session's row is gone, or a new one, which says nothing."""
        self._told.pop(session_id, None)

    async def report(self, standing: Standing, connections: Mapping[UUID, Connection]) -> None:
        """Write how the node and its connections are now.

        Raises:
            django.db.Error: the rest is not written. The next report makes up for it.
        """
        figures, changed = await self._look_at(connections)
        await database.run(Work.APPS, _write_node, self._node_id, standing, figures)
        for start in range(0, len(changed), WRITTEN):
            batch = dict(changed[start : start + WRITTEN])
            for session_id in await database.run(Work.APPS, _write_sessions, batch):
                if session_id in connections:  # else it has been forgotten meanwhile
                    self._told[session_id] = batch[session_id]

    async def _look_at(
        self, connections: Mapping[UUID, Connection]
    ) -> tuple[list[Figures], list[tuple[UUID, Figures]]]:
        """All figures, and those of which the registry says something else."""
        figures, changed = [], []
        for number, (session_id, connection) in enumerate(list(connections.items())):
            if number % LOOKED_AT == LOOKED_AT - 1:
                await asyncio.sleep(0)  # the loop is everybody else's, too
            now = Figures(len(connection.channels), connection.buffered)
            figures.append(now)
            if self._told.get(session_id) != now:
                changed.append((session_id, now))
        return figures, changed


def _write_node(node_id: UUID, standing: Standing, figures: list[Figures]) -> None:
    head = LogHead.objects.filter(pk=LogHead.ID).values("sequence")
    Node.objects.filter(pk=node_id).update(
        **asdict(standing),
        # By the database, as of this moment: a node whose tail is stuck does not know.
        behind=Subquery(head) - Value(standing.position),
        connections=len(figures),
        subscriptions=sum(one.subscriptions for one in figures),
        buffered_bytes=sum(one.buffered_bytes for one in figures),
        version=installed_version(),
        reported_at=Now(),
    )


def _write_sessions(figures: dict[UUID, Figures]) -> list[UUID]:
    """Write these; returns those that were written.

    A row that others are at work on (the socket ends, or becomes idle) is left for the
    next report: waiting for several rows, in another order than they, could be for ever.
    """
    using = router.db_for_write(Session)
    with transaction.atomic(using=using):
        rows = Session.objects.using(using).filter(pk__in=figures)
        free = list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True))
        update_many(Session, Figures._fields, {key: figures[key] for key in free}, using=using)
    return free


@cache
def installed_version() -> str:
    """The version of the package; empty where it runs from its repository."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return ""
