"""Work that many ask for at the same moment, done for all of them at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from realtime import database
from realtime.database import Work

Item = TypeVar("Item")
Result = TypeVar("Result")

# A batch that takes longer (a database that hangs, a lock) does not hold up the next.
PATIENCE = 0.5


class Batcher(Generic[Item, Result]):
    """Collects what is asked for while a batch is under way, and does it as the next.

    One alone is done at once: nothing waits for company.

    Args:
        work: the database pool.
        do: does a batch; gives a result, or the error to raise, for each item.
        limit: the most items in one batch.
        unclaimed: called with a result for which nobody waits any more.
    """

    def __init__(
        self,
        work: Work,
        do: Callable[[list[Item]], Sequence[Result | Exception]],
        limit: int,
        unclaimed: Callable[[Result], None] = lambda result: None,
    ) -> None:
        self._work = work
        self._do = do
        self._limit = limit
        self._unclaimed = unclaimed
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._collector: asyncio.Task[None] | None = None

    async def submit(self, item: Item) -> Result:
        """The result for `item`.

        Raises:
            Exception: whatever `do` gave for it, or failed with.
        """
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._collector is None:
            self._collector = asyncio.create_task(self._collect())
        try:
            return await future
        except asyncio.CancelledError:
            # Perhaps it came in the very step in which the result did.
            if future.done() and not future.cancelled() and future.exception() is None:
                self._unclaimed(future.result())
            raise

    async def _collect(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[: self._limit], self._waiting[self._limit :]
            task = asyncio.create_task(self._carry_out(batch))
            await asyncio.wait([task], timeout=PATIENCE)
        self._collector = None

    async def _carry_out(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        results: Sequence[Result | Exception]
        try:
            results = await database.run(self._work, self._do, [item for item, _ in batch])
        except asyncio.CancelledError:  # the pool is closed before it came to it
            for _, future in batch:
                future.cancel()
            raise
        except Exception as error:
            results = [error] * len(batch)
        for (_, future), result in zip(batch, results, strict=True):
            if future.cancelled():
                if not isinstance(result, Exception):
                    self._unclaimed(result)
            elif isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
