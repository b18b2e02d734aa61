"""Fan-out by runs: together what has one audience, and nothing twice, lost or out of order."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from realtime.authentication import Identity
from realtime.connection import Connection
from realtime.errors import CloseCode
from realtime.hub import Hub
from realtime.log import LoggedEvent
from realtime.protocol import Burst, Frame
from realtime.subscribers import RUN_BYTES, Run, bursts, runs


def event(sequence: int, *, channel: str = "news", size: int = 10, **fields: Any) -> LoggedEvent:
    values = {"topic": "", "recipients": frozenset({"1"}), "control": False, **fields}
    return LoggedEvent(
        sequence=sequence,
        event_id=uuid4(),
        type="note",
        channel=channel,
        payload=json.dumps({"n": "x" * size}).encode(),
        subject="",
        author="",
        created_at=datetime.now(UTC),
        **values,
    )


class Taken:
    """An outbound that keeps what was written, one list for each write."""

    behind = False
    buffered = 0

    def __init__(self) -> None:
        self.writes: list[list[int]] = []

    def write(self, burst: Burst | Frame) -> bool:
        self.writes.append([json.loads(frame.data)["sequence"] for frame in burst.frames])
        return True

    async def drained(self) -> None:
        """Nothing has to be taken."""

    async def caught_up(self) -> None:
        """Nothing has to be taken."""

    def pause_reading(self) -> None:
        """It sends nothing."""

    def resume_reading(self) -> None:
        """It sends nothing."""

    def close(self, code: CloseCode, last: Frame | None) -> None:
        raise AssertionError(f"closed with {code}")


@given(
    st.lists(
        st.builds(
            dict,
            channel=st.sampled_from(["a", "b"]),
            topic=st.sampled_from(["", "t"]),
            recipients=st.sampled_from([frozenset({"1"}), frozenset({"1", "2"})]),
            control=st.booleans(),
            size=st.sampled_from([1, RUN_BYTES // 3, 2 * RUN_BYTES]),
            step=st.sampled_from([1, 1, 1, 5]),
        )
    )
)
def test_runs_keep_the_order_and_hold_only_what_goes_to_the_same(given: list[Any]) -> None:
    events, sequence = [], 0
    for fields in given:
        sequence += fields.pop("step")
        events.append(event(sequence, **fields))
    found = list(runs(events))
    assert [e for run in found for e in run.events] == events
    for run in found:
        assert len({(e.channel, e.topic, e.recipients) for e in run.events}) == 1
        assert len(run.events) == 1 or not any(e.control for e in run.events)
        assert run.last - run.first == len(run.events) - 1
        assert len(run.events) == 1 or sum(len(e.payload) for e in run.events) <= RUN_BYTES
    assert [f for burst in bursts(events) for f in burst.frames] == [e.frame for e in events]


async def test_a_run_is_one_write_and_what_was_seen_before_is_left_out(db: None) -> None:
    hub, taken = Hub(), Taken()
    connection = Connection(Identity("1", time.time() + 60, SimpleNamespace()), hub, taken)  # type: ignore[arg-type]
    connection._subscriptions.channels = frozenset({"news"})
    connection.start(0)
    for part in (range(1, 4), range(2, 6), range(3, 5), range(6, 7)):
        hub.subscribers.deliver(Run([event(number) for number in part]))
    connection.stop()
    assert taken.writes == [[1, 2, 3], [4, 5], [6]]
