"""Many handshakes at once are one batch: each gets its own answer, and nobody waits for company."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError

from realtime import database, sessions
from realtime.admission import Admission, Applicant, admit
from realtime.batching import Batcher
from realtime.conf import conf
from realtime.database import Work
from realtime.errors import ErrorCode, RealtimeError
from realtime.models import Session
from realtime.users import user_id
from tests.clients import PATIENCE
from tests.people import make_user, token_for


@pytest.fixture
def node(db: None) -> Any:
    node_id = uuid4()
    sessions.register_node(node_id, "here")
    return node_id


def outcome(result: Admission | Exception) -> str:
    if isinstance(result, Admission):
        return result.identity.user_id
    assert isinstance(result, RealtimeError)
    return result.code


def test_in_one_batch_everyone_gets_an_answer_of_their_own(node: Any, alice: Any, bob: Any) -> None:
    tokens = [token_for(alice), "nonsense", None, token_for(bob), token_for(alice)]
    results = admit(node, [Applicant(token, "192.0.2.1") for token in tokens])
    a, b = user_id(alice), user_id(bob)
    assert list(map(outcome, results)) == [a, "INVALID_TOKEN", "MISSING_TOKEN", b, a]
    opened = [result.session_id for result in results if isinstance(result, Admission)]
    assert set(Session.objects.values_list("pk", flat=True)) == set(opened)


def test_the_limit_of_connections_holds_within_a_batch(node: Any, alice: Any, bob: Any) -> None:
    most = conf().MAX_CONNECTIONS
    tokens = [token_for(alice)] * (most + 2) + [token_for(bob)]
    results = [outcome(result) for result in admit(node, [Applicant(t, "") for t in tokens])]
    over = [ErrorCode.MAX_CONNECTIONS] * 2
    assert results == [user_id(alice)] * most + over + [user_id(bob)]
    assert Session.objects.filter(user=alice).values("slot").distinct().count() == most


def test_a_slot_that_another_node_takes_meanwhile_costs_nobody_the_admission(
    node: Any, alice: Any, bob: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = sessions._free_slots
    others: list[Session] = []

    def look_and_lose(wanted: Any, node_id: Any) -> Any:
        found: Any = look(wanted, node_id)
        if not others:
            slot = found[0].slot
            others.append(Session.objects.create(user=alice, slot=slot, node_id=node, address=""))
        return found

    monkeypatch.setattr(sessions, "_free_slots", look_and_lose)
    tokens = [token_for(alice), token_for(bob)]
    results = [outcome(result) for result in admit(node, [Applicant(t, "") for t in tokens])]
    assert results == [user_id(alice), user_id(bob)]
    assert Session.objects.count() == 3


def test_what_is_wrong_with_one_is_not_held_against_the_others(
    node: Any, alice: Any, bob: Any, carol: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rule(user: Any, issued_at: object) -> bool:
        if user == bob:
            raise ZeroDivisionError  # in the site's own code
        return False

    monkeypatch.setattr("realtime.authentication.is_revoked", rule)
    applicants = [
        Applicant(token_for(alice), "2001:db8::1" * 50),
        Applicant(token_for(bob), ""),
        Applicant(token_for(carol), ""),
    ]
    first, second, third = admit(node, applicants)
    assert isinstance(first, Admission)
    assert isinstance(second, ZeroDivisionError)
    assert isinstance(third, Admission)


def test_a_batch_that_fails_is_done_one_by_one(
    node: Any, alice: Any, bob: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_by_one = sessions.open_session

    def fail(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("deadlock detected")

    def fail_for_bob(user: str, *args: Any) -> Any:
        return one_by_one(user, *args) if user == user_id(alice) else fail()

    monkeypatch.setattr(sessions, "insert_many", fail)
    monkeypatch.setattr(sessions, "open_session", fail_for_bob)
    tokens = [token_for(bob), token_for(alice)]
    for_bob, for_alice = admit(node, [Applicant(token, "") for token in tokens])
    assert isinstance(for_bob, OperationalError)
    assert isinstance(for_alice, Admission)
    assert Session.objects.get().pk == for_alice.session_id


def test_a_batch_costs_as_many_queries_as_one(node: Any, django_assert_num_queries: Any) -> None:
    for size in (1, 20):
        applicants = [Applicant(token_for(make_user(f"u{size}-{i}")), "") for i in range(size)]
        with django_assert_num_queries(5):  # users, slots, and sessions between savepoints
            admit(node, applicants)


@pytest.fixture
async def pools() -> AsyncIterator[None]:
    yield
    await asyncio.to_thread(database.close)


async def test_what_nobody_waits_for_any_more_is_given_back(pools: None) -> None:
    began, go_on = threading.Event(), threading.Event()
    given_back: asyncio.Queue[int] = asyncio.Queue()

    def double(numbers: list[int]) -> list[int | Exception]:
        began.set()
        go_on.wait(PATIENCE)
        return [2 * number for number in numbers]

    batcher = Batcher(Work.ENTRY, double, 10, given_back.put_nowait)
    waiting = asyncio.create_task(batcher.submit(21))
    await asyncio.to_thread(began.wait, PATIENCE)
    waiting.cancel()
    go_on.set()
    assert await asyncio.wait_for(given_back.get(), PATIENCE) == 42


async def test_a_result_that_comes_in_the_same_step_as_the_cancellation_is_given_back(
    pools: None,
) -> None:
    given_back: asyncio.Queue[int] = asyncio.Queue()
    batcher: Batcher[int, int] = Batcher(Work.ENTRY, list, 10, given_back.put_nowait)
    waiting = batcher.submit(42)  # stepped by hand, as the loop would a task
    result: Any = waiting.send(None)
    await asyncio.wait([result], timeout=PATIENCE)
    assert result.result() == 42
    with pytest.raises(asyncio.CancelledError):
        waiting.throw(asyncio.CancelledError())
    assert given_back.get_nowait() == 42


async def test_who_is_queued_when_the_pool_closes_does_not_wait_forever() -> None:
    began, go_on = threading.Event(), threading.Event()

    def wait(items: list[int]) -> list[int | Exception]:
        began.set()
        go_on.wait(PATIENCE)
        return list(items)

    jobs = [Batcher(Work.ENTRY, wait, 1) for _ in range(2 * conf().DATABASE_THREADS)]
    waiting = [asyncio.create_task(job.submit(number)) for number, job in enumerate(jobs)]
    await asyncio.to_thread(began.wait, PATIENCE)
    closing = asyncio.create_task(asyncio.to_thread(database.close))
    await asyncio.wait(waiting, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
    go_on.set()
    await closing
    done, pending = await asyncio.wait(waiting, timeout=PATIENCE)
    assert not pending
    assert {task.cancelled() for task in done} == {True, False}


async def test_a_batch_that_hangs_does_not_hold_up_the_next(pools: None) -> None:
    go_on = threading.Event()

    def slow_if_zero(numbers: list[int]) -> list[int | Exception]:
        if 0 in numbers:
            go_on.wait(PATIENCE)
        return [ZeroDivisionError() if number == 13 else number for number in numbers]

    batcher = Batcher(Work.ENTRY, slow_if_zero, 2)
    hanging = asyncio.create_task(batcher.submit(0))
    await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE):
        others = (batcher.submit(number) for number in (1, 13, 3))
        results = await asyncio.gather(*others, return_exceptions=True)
    assert [results[0], type(results[1]), results[2]] == [1, ZeroDivisionError, 3]
    assert not hanging.done()
    go_on.set()
    assert await hanging == 0
