"""Jobs done once for all who ask at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from realtime import database
from realtime.database import Work
from realtime.together import ALONE, AT_ONCE, Together


class Job:
    """A job that notes how it was done, and can be held up."""

    def __init__(self) -> None:
        self.alone: list[int] = []
        self.batches: list[list[int]] = []
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.together = Together(Work.COMMANDS, self._one, self._many)

    def _one(self, number: int) -> int:
        self.alone.append(number)
        return -number

    def _many(self, calls: list[tuple[Any, ...]]) -> list[Any]:
        numbers = [number for (number,) in calls]
        self.batches.append(numbers)
        if 13 in numbers:
            raise RuntimeError("all of it")
        outcomes = {7: ALONE, 8: ValueError("only this")}
        return [outcomes.get(number, 10 * number) for number in numbers]

    async def run(self, work: Work, job: Callable[..., Any], *args: Any) -> Any:
        """In place of `database.run`."""
        await self.go_on.wait()
        return job(*args)

    def ask(self, number: int) -> asyncio.Task[int]:
        return asyncio.create_task(self.together.ask(number))


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> Job:
    job = Job()
    monkeypatch.setattr(database, "run", job.run)
    return job


async def test_who_comes_while_one_is_served_is_served_with_all_others_who_came(job: Job) -> None:
    job.go_on.clear()
    first = job.ask(1)
    for _ in range(5):
        await asyncio.sleep(0)  # it is being served
    others = [job.ask(number) for number in (2, 3, 4)]
    await asyncio.sleep(0)
    job.go_on.set()
    assert await asyncio.gather(first, *others) == [10, 20, 30, 40]
    assert job.batches == [[1], [2, 3, 4]]


async def test_each_gets_the_outcome_that_is_its_own(job: Job) -> None:
    outcomes = await asyncio.gather(*map(job.ask, (6, 7, 8, 9)), return_exceptions=True)
    assert job.batches == [[6, 7, 8, 9]]
    assert job.alone == [7]
    assert (outcomes[0], outcomes[1], outcomes[3]) == (60, -7, 90)
    assert isinstance(outcomes[2], ValueError)


async def test_a_batch_that_fails_fails_for_all_of_it_and_for_nobody_after_it(job: Job) -> None:
    outcomes = await asyncio.gather(*map(job.ask, (12, 13)), return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["all of it", "all of it"]
    assert await job.ask(14) == 140


async def test_a_batch_has_a_bound(job: Job) -> None:
    numbers = range(100, 100 + 2 * AT_ONCE + 1)
    await asyncio.gather(*map(job.ask, numbers))
    assert [len(batch) for batch in job.batches] == [AT_ONCE, AT_ONCE, 1]
    assert [number for batch in job.batches for number in batch] == list(numbers)


async def test_who_has_gone_is_missed_by_nobody(job: Job) -> None:
    job.go_on.clear()
    first, gone, last = map(job.ask, (1, 2, 3))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    job.go_on.set()
    assert (await first, await last) == (10, 30)
    with pytest.raises(asyncio.CancelledError):
        await gone
