"""The faults: each scenario breaks something, again and again, while events are written.

In the order in which they run: those on ordinary nodes first, which they share.
"""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable

from realtime import hints
from realtime.models import Session
from tests.clients import in_thread
from tests.faults.checker import Result
from tests.faults.clients import Transport
from tests.faults.crowd import all_slots, is_admitted
from tests.faults.layers import LossyLayer
from tests.faults.processes import shifted_clock
from tests.faults.run import Lab, Run, running
from tests.faults.stalled import compare
from tests.faults.upgrade import roll
from tests.people import PASSWORD, make_user

Scenario = Callable[[Lab, Result], Awaitable[None]]
scenarios: dict[str, Scenario] = {}

FROZEN_SECONDS = 20
PAUSED_SECONDS = 10
CLOCK_SECONDS = 30
PING_SECONDS = 2
# A fault that is over, or that others can work around, is felt no longer than this.
PATIENCE = 30.0


def scenario(name: str) -> Callable[[Scenario], Scenario]:
    def register(function: Scenario) -> Scenario:
        scenarios[name] = function
        return function

    return register


@scenario("cuts")
async def cuts(lab: Lab, result: Result) -> None:
    """Every client's connection is cut for 2 s, again and again, at random."""
    async with running(lab, result) as run:

        async def cut(number: int) -> None:
            for _ in run.times(3):
                await asyncio.sleep(random.uniform(0.5, 4))
                run.clients[number].line.cut(seconds=2)
                run.faults += 1
                await asyncio.sleep(2)

        await asyncio.gather(*(cut(number) for number in range(len(run.clients))))


@scenario("nodes")
async def nodes(lab: Lab, result: Result) -> None:
    """Nodes are killed, frozen for 20 s and restarted, in the relay's transaction, too."""
    async with running(lab, result) as run:
        one, two, three = run.nodes
        await run.sleep(1)
        await one.kill()
        await one.start()
        await two.strike_in_relay(signal.SIGKILL)
        await two.start()
        run.faults += 2
        # From here on one node serves everybody, and the lock is held by a frozen one.
        await three.strike_in_relay(signal.SIGSTOP)
        thawing = asyncio.create_task(_thaw(run, 2))
        await asyncio.sleep(2)
        await one.freeze(FROZEN_SECONDS)
        await thawing
        run.faults += 2
        await run.sleep(2)
        for node in run.nodes:
            await node.stop()
            await node.start()
            run.faults += 1
        reasons = {reason for client in run.clients for reason in client.disconnects}
        run.require("server_shutdown" in reasons, f"nobody was told of a shutdown: {reasons}")
    _require_recovery(result)


async def _thaw(run: Run, number: int) -> None:
    await asyncio.sleep(FROZEN_SECONDS)
    run.nodes[number].signal(signal.SIGCONT)


@scenario("redis")
async def redis(lab: Lab, result: Result) -> None:
    """Redis is killed and restarted, flushed, and paused for 10 s."""
    async with running(lab, result) as run:
        await run.sleep(1)
        await lab.redis.kill()
        await run.sleep(3)
        await lab.redis.start()
        run.faults += 1
        for _ in run.times(3):
            await run.sleep(1)
            lab.redis.flush()
            run.faults += 1
        lab.redis.signal(signal.SIGSTOP)
        await asyncio.sleep(PAUSED_SECONDS)
        lab.redis.signal(signal.SIGCONT)
        run.faults += 1
        await run.sleep(2)
    _require_recovery(result)


@scenario("postgresql")
async def postgresql(lab: Lab, result: Result) -> None:
    """PostgreSQL is restarted, in good order and as after a crash; connections are terminated."""
    async with running(lab, result) as run:
        for how in (signal.SIGINT, signal.SIGQUIT):
            await run.sleep(2)
            await lab.postgresql.restart(how)
            run.faults += 1
        for _ in run.times(4):
            await run.sleep(2)
            run.faults += await asyncio.to_thread(lab.postgresql.terminate_connections)
        await run.sleep(2)
    _require_recovery(result)


@scenario("transactions")
async def transactions(lab: Lab, result: Result) -> None:
    """Writers with long transactions, rollbacks and deadlocks."""
    async with running(lab, result, troubled=True) as run:
        await run.sleep(15)
    done = run.summary
    result.faults = done.rolled_back + done.failed
    if not done.rolled_back or not done.errors.get("OperationalError"):
        result.problems.append(f"there were no rollbacks, or no deadlocks: {done}")


@scenario("switching")
async def switching(lab: Lab, result: Result) -> None:
    """Clients that go from socket to poll and back in mid-stream."""
    async with running(lab, result, transports=(Transport.SWITCHING,)) as run:
        await run.sleep(15)
        run.faults = sum(client.switches for client in run.clients)


@scenario("stalled")
async def stalled(lab: Lab, result: Result) -> None:
    """Clients that stop reading: they cost a bounded amount of memory, and nobody's time."""
    async with running(lab, result) as run:
        await compare(run)


@scenario("channel-layer")
async def channel_layer(lab: Lab, result: Result) -> None:
    """The channel layer drops a tenth of what is sent, and overflows."""
    everywhere = {"LAB_LAYER": f"{LossyLayer.__module__}.{LossyLayer.__name__}"}
    async with running(lab, result, everywhere=everywhere) as run:
        layer = LossyLayer(hosts=[lab.redis.url], capacity=3)
        for _ in run.times(40):
            await asyncio.gather(*(layer.group_send(hints.GROUP, hints.LOGGED) for _ in range(50)))
            await asyncio.sleep(0.25)
        await layer.close_pools()
        run.faults += layer.dropped + layer.overflowed
        run.require(layer.overflowed > 0, "the capacity never overflowed")
    _require_recovery(result)


@scenario("half-open")
async def half_open(lab: Lab, result: Result) -> None:
    """Connections whose other end has gone without a word are found, and their slots freed."""
    everywhere = {"LAB_MAX_CONNECTIONS": "10"}
    pings = ("--ws-ping-interval", str(PING_SECONDS), "--ws-ping-timeout", str(PING_SECONDS))
    async with running(lab, result, everywhere=everywhere, arguments=pings) as run:
        user = await in_thread(make_user, "crowd")
        async with all_slots(run, user, 10) as line:
            run.require(not await is_admitted(run, user), "an eleventh connection was let in")
            run.faults += line.go_silent()
            for _ in run.times(3):
                for client in random.sample(run.clients, len(run.clients) // 3):
                    run.faults += client.line.go_silent()
                await run.sleep(4)
            run.require(
                await _comes_true(lambda: is_admitted(run, user)),
                f"its slots are not free {PATIENCE:.0f} s after their clients have gone",
            )
            run.require(
                await _comes_true(lambda: _no_more_sessions_than(len(run.clients))),
                "sessions are left over of connections that have gone",
            )


async def _no_more_sessions_than(number: int) -> bool:
    return await in_thread(Session.objects.count) <= number


async def _comes_true(holds: Callable[[], Awaitable[bool]]) -> bool:
    """Whether it holds within the time in which a fault must be over."""
    deadline = time.monotonic() + PATIENCE
    while not await holds():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.2)
    return True


@scenario("clock")
async def clock(lab: Lab, result: Result) -> None:
    """One node's clock is 30 s off, first ahead, then behind."""
    ahead, behind = shifted_clock(CLOCK_SECONDS), shifted_clock(-CLOCK_SECONDS)
    async with running(lab, result, environments={0: ahead}) as run:
        user = await in_thread(make_user, "traveller")
        for clock in (ahead, behind):
            run.faults += 1
            if clock is behind:
                await run.nodes[0].stop()
                run.nodes[0].change(behind)
                await run.nodes[0].start()
            run.require(
                abs(await run.nodes[0].clock_offset()) > CLOCK_SECONDS / 2,
                "the node's clock is right",
            )
            for node in run.nodes:
                token = await node.log_in(user.get_username(), PASSWORD)
                statuses = [await other.poll_status(token, user) for other in run.nodes]
                run.require(
                    statuses == [200] * len(run.nodes),
                    f"a token of {node.name} is answered with {statuses}",
                )
            await run.sleep(6)
    _require_recovery(result)


@scenario("upgrade")
async def upgrade(lab: Lab, result: Result) -> None:
    """A rolling upgrade from the version before, with migrations under way, and back again."""
    await roll(lab, result)
    _require_recovery(result)


def _require_recovery(result: Result) -> None:
    if result.slowest > PATIENCE:
        result.problems.append(f"an event took {result.slowest:.0f} s to reach a client")
