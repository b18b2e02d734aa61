"""What the benchmark plugs into the engine: a public channel, and a command that publishes.

The command is the product's ordinary way from a client's frame to an event:
the handler commits a transaction, in the engine's database pool, and the
event goes by outbox, relay, log and hub to the sockets.
"""

from __future__ import annotations

from django.db import transaction
from msgspec import Struct

from realtime import log
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
