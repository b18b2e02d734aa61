"""Jobs that belong together, and pauses that end early."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _FinishedError(Exception):
    """The main job is done: the helpers are to end."""


async def run_with_helpers(main: Coroutine[Any, Any, T], *helpers: Coroutine[Any, Any, None]) -> T:
    """Run `main`, and the helpers for as long as it runs.

    Returns:
        What `main` returns. Helpers are cancelled then; one that ends earlier ends nothing.

    Raises:
        Exception: what the first job that failed has raised; it ends the others.
    """
    result: list[T] = []
    try:
        async with asyncio.TaskGroup() as group:
            for helper in helpers:
                group.create_task(helper)
            result.append(await main)
            raise _FinishedError
    except BaseExceptionGroup as failures:
        for failure in failures.exceptions:
            if not isinstance(failure, _FinishedError):
                raise failure from None
    return result[0]


async def wait_for_event(event: asyncio.Event, seconds: float | None) -> None:
    """Return when the event is set, at the latest after so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
