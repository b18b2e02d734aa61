"""Jobs that are done once for all who ask for them at the same time, and alone where need be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from realtime import database
from realtime.batching import Batcher
from realtime.database import Work

R = TypeVar("R")

# A longer list would keep those who come meanwhile waiting.
AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Alone:
    """An outcome: this one has to be done by itself, as it waits for something, or fails."""


ALONE = Alone()
Call = tuple[Any, ...]


class Together(Generic[R]):
    """A job in two forms.

    Args:
        work: the database pool.
        one: does it for one caller, and may wait for locks.
        many: does it for a list of callers, given as their arguments, without waiting for
            anything long. Returns an outcome for each: the result, an exception to raise,
            or `ALONE`, and then has changed nothing for this one. If it raises, all get that.
    """

    def __init__(
        self,
        work: Work,
        one: Callable[..., R],
        many: Callable[[list[Call]], list[R | Alone | Exception]],
    ) -> None:
        self._work = work
        self._one = one
        self._many = many
        # Of each event loop: only tests have more than one.
        self._batchers: WeakKeyDictionary[asyncio.AbstractEventLoop, Batcher[Call, R | Alone]] = (
            WeakKeyDictionary()
        )

    async def ask(self, *args: Any) -> R:
        """Have it done with those of others."""
        loop = asyncio.get_running_loop()
        if loop not in self._batchers:
            self._batchers[loop] = Batcher(self._work, self._many, AT_ONCE)
        outcome = await self._batchers[loop].submit(args)
        if isinstance(outcome, Alone):
            return await database.run(self._work, self._one, *args)
        return outcome
