"""States that end by themselves, in a process whose nodes come and go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from realtime import ephemeral
from realtime.ephemeral import Holds
from realtime.registry import Caller


@pytest.fixture
def node_that_is_gone() -> Iterator[Holds]:
    """Its loop was closed, and nobody took it off the list."""
    loop = asyncio.new_event_loop()
    loop.close()
    holds = Holds(loop)
    ephemeral.add_holds(holds)
    yield holds
    ephemeral.remove_holds(holds)


@pytest.mark.parametrize("ends", [False, True])
def test_a_node_that_is_gone_fails_nobody_who_types(node_that_is_gone: Holds, ends: bool) -> None:
    began: list[str] = []
    caller = Caller("1")
    if ends:
        ephemeral.release(caller, "typing")
    else:
        ephemeral.hold(caller, "typing", lambda: began.append("typing"), lambda: None)
    assert began == ([] if ends else ["typing"])
    assert node_that_is_gone not in ephemeral._holds
