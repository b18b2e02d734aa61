"""What one Redis carries between nodes: hints and signals, by its own processor time.

    python -m benchmarks.layer [--messages 2000] [--out docs/benchmarks]

See README.md beside this file for what is measured, and how.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from contextlib import AsyncExitStack

from channels_redis.core import RedisChannelLayer
from redis.asyncio import Redis

from benchmarks.processes import redis_server
from benchmarks.results import Cell, Chart, Report, options_for, progress, run_benchmark
from realtime.hints import GROUP, LOGGED

SUMMARY = "What one Redis carries between nodes: processor time for each hint or signal."
NODES = (1, 10, 50)
MAX_MESSAGES = 20_000
WARM_UP = 10
TIMEOUT = 300.0


def main() -> int:
    parser = options_for("layer", SUMMARY)
    parser.add_argument("--messages", type=int, default=2000, help="to send (default: 2000)")
    return run_benchmark(parser, _measure)


def _measure(options: argparse.Namespace) -> Report:
    messages = 50 if options.quick else max(WARM_UP, min(options.messages, MAX_MESSAGES))
    report = Report("Messages to the group that every node listens to, on one Redis")
    limits: dict[str, float] = {}
    for nodes in NODES:
        with redis_server() as url:
            row = asyncio.run(_send(url, nodes, max(WARM_UP, messages // nodes)))
        limits[f"{nodes} nodes"] = 1e6 / float(row["Redis, us for each"] or 1)
        report.rows.append(row)
        progress(f"{nodes} nodes: {row['Redis, us for each']:.0f} us of Redis for each message")
    report.charts["Messages to all nodes that one Redis carries"] = Chart("a second", limits)
    return report


async def _send(url: str, nodes: int, messages: int) -> dict[str, Cell]:
    """Send one message after the other, each when the last node has the one before."""
    async with asyncio.timeout(TIMEOUT), AsyncExitStack() as stack:
        layers = [RedisChannelLayer(hosts=[url]) for _ in range(nodes)]
        channels = []
        for layer in layers:
            stack.push_async_callback(layer.close_pools)
            channels.append(await layer.new_channel())
            await layer.group_add(GROUP, channels[-1])

        async def to_all() -> None:
            received = [
                asyncio.create_task(layer.receive(channel))
                for layer, channel in zip(layers, channels, strict=True)
            ]
            await layers[0].group_send(GROUP, LOGGED)
            await asyncio.gather(*received)

        for _ in range(WARM_UP):
            await to_all()
        asking = await stack.enter_async_context(Redis.from_url(url))
        began, used = time.monotonic(), await _processor_seconds(asking)
        for _ in range(messages):
            await to_all()
        seconds, used = time.monotonic() - began, await _processor_seconds(asking) - used
    return {
        "nodes": nodes,
        "messages": messages,
        "Redis, us for each": used / messages * 1e6,
        "and node": used / messages / nodes * 1e6,
        "ms until all have it": seconds / messages * 1e3,
    }


async def _processor_seconds(server: Redis) -> float:
    cpu = await server.info("cpu")
    return float(cpu["used_cpu_user"] + cpu["used_cpu_sys"])


if __name__ == "__main__":
    sys.exit(main())
