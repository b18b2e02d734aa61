"""How each alert is caused, what then shows it, and what ends it."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

from django.db import transaction

from messaging.services import create_conversation
from notifications.services import notify
from realtime import log
from realtime.models import LogHead
from tests.alerts.trial import PATIENCE, Trial, held
from tests.clients import in_thread, open_socket
from tests.faults.stalled import EVENT_BYTES, EVENTS, raw_socket
from tests.people import make_user

MANY = 1_500
TERMINATE = re.compile(r"SELECT pg_terminate_backend\(\d+\);")
HOLD_HEAD = "SELECT 1 FROM realtime_loghead FOR UPDATE"

causes: dict[str, Callable[[Trial], Awaitable[None]]] = {}


def cause(alert: str) -> Callable[[Callable[[Trial], Awaitable[None]]], None]:
    """Register a function as the cause of an alert."""

    def register(function: Callable[[Trial], Awaitable[None]]) -> None:
        causes[alert] = function

    return register


async def _person(name: str) -> Any:
    return await in_thread(make_user, name)


def _write(user: Any, number: int) -> None:
    with transaction.atomic():
        for _ in range(number):
            log.append("note", {}, channel="notifications", recipients=[user.pk])


@cause("RealtimeOutboxGrows")
async def a_transaction_holds_the_head(trial: Trial) -> None:
    user = await _person("waits")
    with held(trial.site.postgresql, HOLD_HEAD):
        await in_thread(_write, user, MANY)
        await trial.fires()
        async with asyncio.timeout(PATIENCE):
            # Not at once: for some seconds it might be a relay's.
            while (found := TERMINATE.search(await trial.manage("manage.py doctor"))) is None:
                pass
        trial.obey(found[0])
        await trial.over()


@cause("RealtimeTailBehind")
async def a_node_is_cut_off_from_the_database(trial: Trial) -> None:
    user = await _person("reads")
    trial.site.line.go_silent(for_good=True)
    await in_thread(_write, user, MANY)
    assert trial.site.targets[1] in await trial.fires()
    assert re.search("tail: the log was last read|database: ", await trial.readyz(1))
    trial.site.line.cut()
    await trial.over()


@cause("RealtimeSlowDelivery")
async def events_wait_for_seconds(trial: Trial) -> None:
    user = await _person("late")
    with held(trial.site.postgresql, HOLD_HEAD):
        await in_thread(_write, user, 10)
        await asyncio.sleep(4)  # that late they are then
    await trial.fires()


@cause("RealtimeChannelLayerDown")
async def redis_is_killed(trial: Trial) -> None:
    await trial.site.redis.kill()
    await trial.fires()
    assert "channel layer" in await trial.readyz(0)
    assert re.search(r"✗|error", await trial.manage("manage.py doctor"))
    await trial.site.redis.start()


@cause("RealtimeInternalErrors")
async def a_table_is_not_as_the_code_has_it(trial: Trial) -> None:
    alice, bob = await _person("alice"), await _person("bob")
    conversation, _ = await in_thread(create_conversation, alice.pk, [bob.pk])
    message = {"conversation_id": f"conv_{conversation.pk}", "content": "Hello"}
    trial.site.postgresql.execute("ALTER TABLE messaging_message RENAME TO elsewhere")
    try:
        async with open_socket(trial.site.address(), alice) as socket:
            firing = asyncio.create_task(trial.fires())
            while not firing.done():
                answer = await socket.ask("message", message)
                await asyncio.sleep(0.2)
            await firing
        assert answer["payload"]["code"] == "INTERNAL_ERROR"
        assert trial.logged(0, answer["payload"]["details"]["request_id"])
    finally:
        trial.site.postgresql.execute("ALTER TABLE elsewhere RENAME TO messaging_message")


@cause("RealtimeSlowClients")
async def clients_do_not_read(trial: Trial) -> None:
    users = [await _person(f"stalled{number}") for number in range(15)]
    async with AsyncExitStack() as stack:
        for user in users:
            for _ in range(2):
                await stack.enter_async_context(
                    raw_socket(trial.site.nodes[0], user, reading=False)
                )
        firing = asyncio.create_task(trial.fires())
        while not firing.done():  # first the kernel's buffers have to be full
            await in_thread(_flood, users)
        await firing
        # A moment later, as a close waits 5 s for who takes nothing; and not yet all of
        # them, as some have larger buffers.
        async with asyncio.timeout(PATIENCE):
            while (await trial.manage("manage.py connections")).count("stalled") == 2 * len(users):
                pass


def _flood(users: list[Any]) -> None:
    for number in range(EVENTS):
        for user in users:
            notify(user, "like", f"{number} ".ljust(EVENT_BYTES, "x"))


@cause("RealtimeDatabaseQueue")
async def a_lock_keeps_commands_waiting(trial: Trial) -> None:
    users = [await _person(f"queues{number}") for number in range(100)]
    async with AsyncExitStack() as stack:
        sockets = [
            await stack.enter_async_context(open_socket(trial.site.address(), user))
            for user in users
        ]
        with held(trial.site.postgresql, "LOCK TABLE notifications_inbox") as holder:
            for socket in sockets:
                await socket.send("notification_read_all")
            await trial.fires()
            rows = trial.sql(BLOCKERS)
            assert rows[0][0] == holder.info.backend_pid, rows
            trial.obey(f"SELECT pg_terminate_backend({rows[0][0]});")
            await trial.over()


BLOCKERS = """
    SELECT DISTINCT blocker.pid, blocker.state, now() - blocker.xact_start AS since, blocker.query
    FROM pg_stat_activity waiting
    JOIN pg_stat_activity blocker ON blocker.pid = ANY (pg_blocking_pids(waiting.pid))
    WHERE NOT EXISTS (SELECT FROM pg_locks WHERE pid = blocker.pid AND NOT granted);
"""


@cause("RealtimeResyncs")
async def clients_come_back_too_late(trial: Trial) -> None:
    user = await _person("away")
    before = (await in_thread(log.read_head)).sequence
    await in_thread(_write, user, 10)
    await trial.manage("manage.py prune_events --max-age 0")
    firing = asyncio.create_task(trial.fires())

    async def come_back() -> None:
        while not firing.done():
            async with open_socket(trial.site.address(), user, last_sequence=before) as socket:
                await socket.expect("resync")

    await asyncio.gather(firing, *(come_back() for _ in range(5)))
    assert await in_thread(LogHead.objects.filter(pruned_through__gt=before).exists)
    assert "kept" in await trial.manage("manage.py doctor")


@cause("RealtimeNodeDown")
async def a_node_is_killed(trial: Trial) -> None:
    node = trial.site.nodes[1]
    killed = f":{node.pid} renewed its lease"
    assert killed in await trial.manage("manage.py doctor")
    node.signal(signal.SIGKILL)
    await node.ended()
    assert trial.site.targets[1] in await trial.fires()
    # The alert waits longer than here, where the lease has yet to run out.
    async with asyncio.timeout(PATIENCE):
        while killed in await trial.manage("manage.py doctor"):
            pass
    await node.start()
