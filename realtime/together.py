"""Jobs that are done once for all who ask for them at the same time.

While one transaction is under way the next callers wait, and the one after it serves
them all: what a transaction costs is shared, the more so the more there is to do. Nobody
waits for a timer, so a caller who is alone waits for nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

R = TypeVar("R")

# A longer list would keep those who come meanwhile waiting.
AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Alone:
    """An outcome: this one has to be done by itself, as it waits for something, or fails."""


ALONE = Alone()
Runner = Callable[[Callable[[], Any]], Awaitable[Any]]
Call = tuple[Any, ...]


@dataclass(eq=False)
class _Queue:
    waiting: deque[tuple[Call, asyncio.Future[Any]]] = field(default_factory=deque)
    worker: asyncio.Task[None] | None = None


class Together(Generic[R]):
    """A job in two forms.

    Args:
        one: does it for one caller, and may wait for locks.
        many: does it for a list of callers, given as their arguments, without waiting for
            anything long. Returns an outcome for each: the result, an exception to raise,
            or `ALONE`, and then has changed nothing for this one. If it raises, all get that.
    """

    def __init__(
        self, one: Callable[..., R], many: Callable[[list[Call]], list[R | Exception | Alone]]
    ) -> None:
        self._one = one
        self._many = many
        # Of each event loop: only tests have more than one.
        self._queues: WeakKeyDictionary[asyncio.AbstractEventLoop, _Queue] = WeakKeyDictionary()

    def __call__(self, *args: Any) -> R:
        """Do it here and now."""
        return self._one(*args)

    async def ask(self, run: Runner, *args: Any) -> R:
        """Have it done with those of others.

        Args:
            run: calls a function in a database thread.
        """
        loop = asyncio.get_running_loop()
        queue = self._queues.setdefault(loop, _Queue())
        future: asyncio.Future[R | Alone] = loop.create_future()
        queue.waiting.append((args, future))
        if queue.worker is None:
            queue.worker = loop.create_task(self._work(queue, run))
        outcome = await future
        if isinstance(outcome, Alone):
            result: R = await run(lambda: self._one(*args))
            return result
        return outcome

    async def _work(self, queue: _Queue, run: Runner) -> None:
        try:
            while queue.waiting:
                size = min(len(queue.waiting), AT_ONCE)
                await self._serve([queue.waiting.popleft() for _ in range(size)], run)
        finally:
            queue.worker = None
            for _, future in queue.waiting:  # there are some only if this was cancelled
                future.cancel()
            queue.waiting.clear()

    async def _serve(self, asked: list[tuple[Call, asyncio.Future[Any]]], run: Runner) -> None:
        calls = [args for args, _ in asked]
        try:
            outcomes = await run(lambda: self._many(calls))
        except Exception as error:
            outcomes = [error] * len(asked)
        except asyncio.CancelledError:
            for _, future in asked:
                future.cancel()
            raise
        for (_, future), outcome in zip(asked, outcomes, strict=True):
            if future.done():
                continue  # who asked has gone
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
