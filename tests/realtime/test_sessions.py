"""The registry of nodes and sessions: exact, and healing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from realtime import sessions
from realtime.errors import RealtimeError
from realtime.models import Node, Session
from realtime.users import user_id
from tests.clients import PATIENCE, in_thread, open_socket
from tests.servers import Address


async def until(true: Callable[[], bool]) -> None:
    """Return when a look at the database says so."""
    async with asyncio.timeout(PATIENCE):
        while not await in_thread(true):
            await asyncio.sleep(0.02)


@pytest.mark.options(LEASE_INTERVAL=0.1)
async def test_a_node_that_was_thought_dead_registers_its_sessions_again(
    server: Address, alice: Any
) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(5):
            await stack.enter_async_context(open_socket(server, alice))
        before = set(await in_thread(lambda: list(Session.objects.values_list("pk", flat=True))))
        await in_thread(Node.objects.all().delete)
        await until(lambda: set(Session.objects.values_list("pk", flat=True)) == before)
    await until(lambda: not Session.objects.exists())


async def test_a_newcomer_on_a_node_that_was_thought_dead_does_not_break_the_limit(
    server: Address, alice: Any, bob: Any
) -> None:
    """The node learns of it by the newcomer, before its next lease."""
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(open_socket(server, alice))
        await in_thread(Node.objects.all().delete)
        async with open_socket(server, bob) as newcomer:
            await newcomer.silence()
        await until(lambda: Session.objects.filter(user=alice).count() == 3)


@pytest.mark.options(LEASE_INTERVAL=0.1)
async def test_a_slot_that_could_not_be_freed_at_once_is_freed_later(
    server: Address, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([OSError("database away")])
    close_sessions = sessions.close_sessions

    def failing(session_ids: Any) -> None:
        for error in failures:
            raise error
        close_sessions(session_ids)

    monkeypatch.setattr(sessions, "close_sessions", failing)
    async with open_socket(server, alice) as socket:
        await socket.silence()
    await until(lambda: not Session.objects.exists())


def test_slots_of_a_dead_node_are_taken_over_and_of_a_living_one_not(
    alice: Any, settings: Any
) -> None:
    settings.REALTIME = {**settings.REALTIME, "MAX_CONNECTIONS": 2}
    living, dead = uuid4(), uuid4()
    sessions.register_node(living, "living")
    sessions.register_node(dead, "dead")
    me = user_id(alice)
    sessions.open_session(me, living, "")
    sessions.open_session(me, dead, "")
    with pytest.raises(RealtimeError):
        sessions.open_session(me, living, "")
    with connection.cursor() as cursor:
        past = "'2000-01-01 00:00:00'"
        cursor.execute(f"UPDATE realtime_node SET renewed_at = {past} WHERE name = 'dead'")
    sessions.open_session(me, living, "")
    assert list(Node.objects.values_list("name", flat=True)) == ["living"]
    assert Session.objects.count() == 2


def test_a_session_is_not_opened_on_a_node_that_is_not_registered(alice: Any) -> None:
    with pytest.raises(sessions.NodeLostError):
        sessions.open_session(user_id(alice), uuid4(), "")
