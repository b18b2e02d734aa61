"""A node's figures, every two seconds, while somebody of the staff looks.

They are signals on the channel `realtime.stats`: not logged, and not sent while nobody
looks. A node knows who looks at its own sockets and polls. It tells the other nodes by a
hint, which holds for ten seconds. Without a channel layer that processes share, who looks
gets the figures of the one node that they are connected to.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from django.contrib.auth import get_permission_codename

from realtime import database, ephemeral, hints, metrics, sessions
from realtime.database import Work
from realtime.hub import Hub
from realtime.models import Node
from realtime.protocol import Payload
from realtime.registry import Snapshot
from realtime.users import parse_user_id, users_by_key
from realtime.waiting import WaitingPolls

CHANNEL = "realtime.stats"
EVENT = "node_stats"
# The hint that somebody looks; it names who.
WATCHED = "realtime.watched"
INTERVAL = 2.0
HINT_SECONDS = 10.0
# How often it is asked whether those who look still may.
CHECK_SECONDS = 10.0


class NodeStats(Payload):
    """`node_stats`: how a node stands, and what it has done since its last report.

    Attributes:
        connections: open sockets.
        waiting_polls: polls that wait.
        events_per_second: logged events handed out. Each node hands out all of them.
        deliveries_per_second: these events times the clients who got them here.
        errors_per_second: error frames and error responses.
        latency_p50: seconds from an event's writing to its handing out, for half of the
            events; estimated by the histogram's buckets. None: there were no events.
        latency_p99: the same for 99 of 100.
        backlog: events that wait for a number, as last counted; up to 10,001.
        lag: events in the log that this node has not handed out yet.
        draining: it shuts down and takes no new clients.
    """

    node_id: str
    node: str
    connections: int
    waiting_polls: int
    events_per_second: float
    deliveries_per_second: float
    errors_per_second: float
    latency_p50: float | None
    latency_p99: float | None
    backlog: int
    lag: int
    draining: bool


@dataclass(frozen=True, slots=True)
class Counters:
    """What this process has counted up to a moment; see `realtime.metrics`."""

    at: float
    events: float
    deliveries: float
    errors: float
    latencies: Mapping[float, float]

    @classmethod
    def now(cls) -> Counters:
        return cls(
            at=time.monotonic(),
            events=metrics.total(metrics.EVENTS),
            deliveries=metrics.total(metrics.DELIVERIES),
            errors=metrics.total(metrics.ERRORS),
            latencies=metrics.buckets(metrics.LATENCY),
        )


def quantile(share: float, buckets: Mapping[float, float]) -> float | None:
    """The value that this share of the observations does not exceed, estimated.

    As Prometheus' `histogram_quantile` does it: within a bucket they are taken to be
    spread evenly; of what is beyond the last finite bound only that bound is known.

    Args:
        share: above 0, up to 1.
        buckets: how many observations were at most as large as each bound; ascending.
    """
    rank = share * max(buckets.values(), default=0.0)
    lower = below = 0.0
    for bound, count in buckets.items():
        if count >= rank > 0:
            within = 0.0 if math.isinf(bound) else bound - lower
            return lower + within * (rank - below) / (count - below)
        lower, below = bound, count
    return None


class Reporting(Protocol):
    """A node, as its figures see it."""

    id: UUID
    name: str
    hub: Hub
    polls: WaitingPolls
    draining: bool

    @property
    def connection_count(self) -> int:
        """Open sockets."""


class Reporter:
    """Tells one node's figures to those who look at them.

    Args:
        node: whose figures they are.
        publish: sends a signal to this node's subscribers and to the other nodes.
        ask: sends a hint to all nodes.
    """

    def __init__(
        self,
        node: Reporting,
        publish: Callable[[ephemeral.Signal], None],
        ask: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        self._node = node
        self._publish = publish
        self._ask = ask
        self._counted = Counters.now()
        # Who looks, here or elsewhere, and until when that is known.
        self._watchers: dict[str, float] = {}

    def watched_by(self, user_ids: Collection[str]) -> None:
        """These users look, on whichever node."""
        self._watchers |= dict.fromkeys(user_ids, time.monotonic() + HINT_SECONDS)

    async def report(self) -> None:
        """Tell what has happened since the last call, if somebody looks. Asks no database."""
        before, self._counted = self._counted, Counters.now()
        here = self._node.hub.subscribers.topic_users(CHANNEL)
        self.watched_by(here)
        now = time.monotonic()
        self._watchers = {one: until for one, until in self._watchers.items() if until > now}
        if self._watchers:
            self._publish(
                ephemeral.make_signal(
                    EVENT,
                    self._stats(before, self._counted),
                    channel=CHANNEL,
                    recipients=self._watchers,
                    coalesce=f"{EVENT}:{self._node.id}",
                )
            )
        if here:
            await self._ask({"type": WATCHED, "user_ids": sorted(here)})

    async def check(self) -> None:
        """Take the channel from those who look here and may not any longer.

        Apart from `report`: what operators see must not wait for a database that hangs.
        """
        subscribers = self._node.hub.subscribers
        if here := set(subscribers.topic_users(CHANNEL)):
            for user_id in here - await database.run(Work.APPS, may_look, here):
                self._watchers.pop(user_id, None)
                for subscriber in subscribers.of_user(user_id):
                    subscriber.leave_channel(CHANNEL)

    def _stats(self, before: Counters, now: Counters) -> NodeStats:
        seconds = max(now.at - before.at, 0.001)
        latencies = {
            bound: count - before.latencies[bound] for bound, count in now.latencies.items()
        }
        node = self._node
        return NodeStats(
            node_id=str(node.id),
            node=node.name,
            connections=node.connection_count,
            waiting_polls=len(node.polls),
            events_per_second=(now.events - before.events) / seconds,
            deliveries_per_second=(now.deliveries - before.deliveries) / seconds,
            errors_per_second=(now.errors - before.errors) / seconds,
            latency_p50=quantile(0.5, latencies),
            latency_p99=quantile(0.99, latencies),
            backlog=int(metrics.value(metrics.BACKLOG)),
            lag=max(0, int(metrics.value(metrics.LOG_HEAD)) - node.hub.position),
            draining=node.draining,
        )


# --- who may look --------------------------------------------------------------------------


def permission() -> str:
    """The permission that it takes, as `realtime.view_node`."""
    options = Node._meta
    return f"{options.app_label}.{get_permission_codename('view', options)}"


def may_look(user_ids: Collection[str]) -> set[str]:
    """Those of these users who are of the staff and have the permission."""
    users: Any = users_by_key([parse_user_id(key) for key in user_ids])
    return {
        str(key)
        for key, user in users.items()
        if getattr(user, "is_staff", False) and user.has_perm(permission())
    }


def authorize(user_id: str, argument: str) -> bool:
    """Whether this user may join the channel."""
    return bool(may_look([user_id]))


def snapshot(user_id: str, argument: str) -> Snapshot:
    """The nodes that are alive, and whether the figures of all of them arrive."""
    living = Node.objects.filter(sessions.alive())
    return {
        "nodes": [
            {"node_id": str(key), "node": name}
            for key, name in living.order_by("name").values_list("pk", "name")
        ],
        "shared_layer": hints.shared_layer() is not None,
    }
