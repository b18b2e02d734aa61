"""Redis, if there is one: the channel layer, by a message to oneself, and the cache."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from uuid import uuid4

from channels.layers import BaseChannelLayer
from django.core.cache import caches

from realtime import hints
from realtime.conf import conf
from realtime.management.doctor.delivery import living_hosts
from realtime.management.doctor.findings import Finding, error, ok, told_by, warning

TIMEOUT = 3.0
SLOW_SECONDS = 0.05
TRIES = 3


def examine_layer() -> Iterator[Finding]:
    """Whether a message to a group arrives, as hints and signals have to."""
    layer = hints.shared_layer()
    if layer is None:
        nodes = len(living_hosts())
        told = f"none that processes share; events go by the clock, within {_interval()} s"
        if nodes > 1:
            yield warning(
                "layer",
                f"{told}, and typing stays within each of the {nodes} servers",
                "Configure channels_redis in CHANNEL_LAYERS (the sample site: REDIS_URL).",
            )
        else:
            yield ok("layer", told)
        return
    try:
        seconds = asyncio.run(_round_trip(layer))
    except Exception as failure:
        yield error(
            "layer",
            f"no message comes through: {told_by(failure)}",
            f"Is Redis up, and its address right? Until then events take {_interval()} s, typing "
            "stays within a server; nothing is lost.",
        )
        return
    told = f"a message takes {1000 * seconds:.1f} ms by {type(layer).__name__}"
    if seconds > SLOW_SECONDS:
        yield warning("layer", told, "Look at Redis: its load, and the way to it.")
    else:
        yield ok("layer", told)


def _interval() -> str:
    return f"{conf().TAIL_INTERVAL:g}"


async def _round_trip(layer: BaseChannelLayer) -> float:
    """Seconds that a message to a group of our own takes: the quickest, as the first connects."""
    group = f"realtime.doctor.{uuid4().hex}"
    times = []
    try:
        async with asyncio.timeout(TIMEOUT):
            channel = await layer.new_channel()
            await layer.group_add(group, channel)
            for _ in range(TRIES):
                message = {"type": "realtime.doctor", "id": uuid4().hex}
                began = time.perf_counter()
                await layer.group_send(group, message)
                received = await layer.receive(channel)
                times.append(time.perf_counter() - began)
                if received.get("id") != message["id"]:
                    raise ConnectionError("another message came back")
            await layer.group_discard(group, channel)
    finally:
        if hasattr(layer, "close_pools"):
            await layer.close_pools()
    return min(times)


def examine_cache() -> Iterator[Finding]:
    """Whether the cache that counts rate limits keeps what it is given."""
    cache, key = caches[conf().CACHE], f"realtime.doctor.{uuid4().hex}"
    began = time.perf_counter()
    try:
        cache.set(key, "here", timeout=60)
        kept = cache.get(key) == "here"
        cache.delete(key)
    except Exception as failure:
        yield error(
            "cache",
            f"it fails: {told_by(failure)}",
            "Is Redis up? Until then every server counts rate limits for itself.",
        )
        return
    seconds = time.perf_counter() - began
    name = type(cache).__name__
    if not kept:
        yield error(
            "cache",
            f"{name} forgets what it was given",
            "Rate limits are counted there: use Redis, or Django's LocMemCache.",
        )
    elif name == "LocMemCache" and (nodes := len(living_hosts())) > 1:
        yield warning(
            "cache",
            f"{name}: each of the {nodes} servers counts rate limits for itself",
            "Configure Redis in CACHES (the sample site: REDIS_URL).",
        )
    else:
        yield ok("cache", f"{name} answers in {1000 * seconds / 3:.1f} ms")
