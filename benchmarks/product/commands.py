"""What the benchmark plugs into the engine: a public channel, and a command that publishes.

The command is the product's ordinary way from a client's frame to an event:
the handler commits a transaction, in the engine's database pool, and the
event goes by outbox, relay, log and hub to the sockets.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from msgspec import Struct

from realtime import log, protocol
from realtime.registry import Caller, ChannelKind, command, register_channel

CHANNEL = "bench"


class Publish(Struct):
    """`bench_publish`: the text that everybody is to get."""

    message: str


def _topic(channel: str) -> str:
    return channel


register_channel(ChannelKind(CHANNEL, topic=_topic))


@command("bench_publish", Publish)
def publish(caller: Caller, request: Publish) -> Publish:
    """Commit one event for every socket in the channel."""
    with transaction.atomic():
        log.append("bench", request, channel=CHANNEL, topic=CHANNEL)
    return request


class Queries(Struct):
    """How many queries this process has made."""

    queries: int = 0


_counted = Queries()


def _count(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
    _counted.queries += 1
    return execute(sql, parameters, many, context)


def _watch(connection: BaseDatabaseWrapper, **kwargs: object) -> None:
    connection.execute_wrappers.append(_count)


connection_created.connect(_watch)


@command("bench_queries", protocol.Empty)
def queries(caller: Caller, request: protocol.Empty) -> Queries:
    """How many queries this process has made until now."""
    return _counted
