"""What nodes report of themselves and their connections."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction

from notifications.services import notify
from realtime import bulk, log, reports, sessions
from realtime.models import Node, Session
from realtime.reports import Reporter, Standing
from tests.clients import PATIENCE, in_thread, open_http, open_socket, waiting_poll
from tests.presence.watching import new_node, until
from tests.servers import Address

AT_ONCE = pytest.mark.options(LEASE_INTERVAL=0.05)
STANDING = Standing(position=0, waiting_polls=0, leaving=False)
AUTOMATIC = 1  # every connection is subscribed to `notifications`


def socket_with(subscriptions: int, buffered: int) -> Any:
    """An open socket, as far as a report looks at it."""
    return SimpleNamespace(channels=range(subscriptions), buffered=buffered)


def many_sessions(user: Any, node_id: UUID, count: int) -> dict[UUID, Any]:
    """So many open sockets, and their rows."""
    rows = [Session(pk=uuid4(), user=user, node_id=node_id, slot=slot) for slot in range(count)]
    Session.objects.bulk_create(rows)
    return {row.pk: socket_with(1 + row.slot % 7, row.slot % 3) for row in rows}


def reported() -> dict[UUID, tuple[int | None, int | None]]:
    """What the registry says of each session."""
    rows = Session.objects.values_list("pk", "subscriptions", "buffered_bytes")
    return {key: (subscriptions, buffered) for key, subscriptions, buffered in rows}


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many sessions each statement wrote."""
    sizes: list[int] = []

    def counted(model: Any, fields: Any, values: Any, *, using: str) -> None:
        sizes.append(len(values))
        bulk.update_many(model, fields, values, using=using)

    monkeypatch.setattr(reports, "update_many", counted)
    return sizes


@pytest.mark.options(LEASE_INTERVAL=0.05, MAX_WAITING_POLLS=1)
async def test_a_server_reports_its_sockets_and_polls(
    server: Address, alice: Any, bob: Any
) -> None:
    async with (
        open_socket(server, alice) as socket,
        open_socket(server, bob) as other,
        open_http(server, bob) as http,
    ):
        await other.silence()
        await socket.ask("subscribe", {"channel": "feed:updates"})
        waiting = await waiting_poll(http, bob)

        def complete() -> bool:
            figures = {"connections": 2, "subscriptions": 3, "waiting_polls": 1}
            return Node.objects.filter(**figures, buffered_bytes=0).exists()

        await until(complete)
        node = await in_thread(Node.objects.get)
        assert node.reported_at is not None
        assert node.reported_at >= node.started_at
        assert not node.leaving
        # Behind the node's own row.
        for user, subscriptions in ((alice, 1 + AUTOMATIC), (bob, AUTOMATIC)):
            row = Session.objects.filter(user=user, subscriptions=subscriptions, buffered_bytes=0)
            await until(row.exists)
        await socket.ask("unsubscribe", {"channel": "feed:updates"})
        await until(Session.objects.filter(user=alice, subscriptions=AUTOMATIC).exists)
        waiting.cancel()


@AT_ONCE
async def test_how_far_a_node_has_come_and_how_far_it_is_behind(
    server: Address, alice: Any
) -> None:
    for _ in range(3):
        await in_thread(notify, alice, "like", "text")

    def caught_up() -> bool:
        head = log.read_head().sequence
        return head >= 3 and Node.objects.filter(position=head, behind=0).exists()

    await until(caught_up)
    # By the log's head as of the report, not by what the node thinks it is.
    stuck = await in_thread(new_node)
    head = (await in_thread(log.read_head)).sequence
    await Reporter(stuck).report(Standing(position=1, waiting_polls=0, leaving=True), {})
    node = await in_thread(Node.objects.get, pk=stuck)
    assert (node.position, node.behind, node.leaving) == (1, head - 1, True)


async def test_thousands_are_written_by_a_few_statements_and_then_only_what_has_changed(
    alice: Any, written: list[int]
) -> None:
    node_id = await in_thread(new_node)
    sockets = await in_thread(many_sessions, alice, node_id, 1_200)
    reporter = Reporter(node_id)
    await reporter.report(STANDING, sockets)
    assert written == [500, 500, 200]
    expected = {key: (len(one.channels), one.buffered) for key, one in sockets.items()}
    assert await in_thread(reported) == expected
    await reporter.report(STANDING, sockets)
    assert written == [500, 500, 200]
    slow = next(iter(sockets))
    sockets[slow].buffered = 5_000_000_000  # no 32 bits
    await reporter.report(STANDING, sockets)
    assert written == [500, 500, 200, 1]
    assert (await in_thread(reported))[slow] == (1, 5_000_000_000)
    node = await in_thread(Node.objects.get)
    assert node.connections == 1_200
    assert node.subscriptions == sum(len(one.channels) for one in sockets.values())
    assert node.buffered_bytes == sum(one.buffered for one in sockets.values())


async def test_a_socket_that_ends_meanwhile_is_no_trouble(alice: Any) -> None:
    node_id = await in_thread(new_node)
    sockets = await in_thread(many_sessions, alice, node_id, 2)
    gone, there = sockets
    await in_thread(sessions.close_sessions, [gone])
    await Reporter(node_id).report(STANDING, sockets)
    assert await in_thread(reported) == {there: (2, 1)}


@contextmanager
def locked(session_id: UUID) -> Iterator[None]:
    """Somebody is at work on this session's row."""
    with transaction.atomic():
        Session.objects.select_for_update().get(pk=session_id)
        yield


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite locks no rows")
async def test_a_row_that_others_are_at_work_on_is_left_for_the_next_report(alice: Any) -> None:
    node_id = await in_thread(new_node)
    sockets = await in_thread(many_sessions, alice, node_id, 3)
    busy = next(iter(sockets))
    reporter = Reporter(node_id)
    holding, done = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hold() -> None:
        with locked(busy):
            loop.call_soon_threadsafe(holding.set)
            asyncio.run_coroutine_threadsafe(done.wait(), loop).result(PATIENCE)

    holder = asyncio.create_task(in_thread(hold))
    await holding.wait()
    await reporter.report(STANDING, sockets)
    found = await in_thread(reported)
    assert found.pop(busy) == (None, None)
    assert None not in {figure for figures in found.values() for figure in figures}
    done.set()
    await holder
    await reporter.report(STANDING, sockets)
    assert (await in_thread(reported))[busy] == (1, 0)


@AT_ONCE
async def test_a_report_that_fails_holds_up_no_lease_and_is_made_up_for(
    server: Address, alice: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    failures = 0

    def failing(*args: object) -> None:
        nonlocal failures
        failures += 1
        raise OSError("no room")

    with monkeypatch.context() as patched:
        patched.setattr(reports, "_write_node", failing)
        async with open_socket(server, alice) as socket:
            await socket.silence()
            before = (await in_thread(Node.objects.get)).renewed_at
            await until(lambda: failures > 2)
            await until(lambda: Node.objects.get().renewed_at > before)
    assert "_report failed, will be tried again: no room" in caplog.text
    await until(Node.objects.filter(connections=0).exists)


@AT_ONCE
async def test_who_was_thought_dead_reports_everything_again(server: Address, alice: Any) -> None:
    told = Session.objects.filter(subscriptions=AUTOMATIC, node__connections=1)
    async with open_socket(server, alice) as socket:
        await socket.silence()
        await until(told.exists)
        await in_thread(Node.objects.all().delete)
        await until(told.exists)
