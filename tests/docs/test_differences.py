"""docs/protocol.md names all that is beside the API reference."""

from __future__ import annotations

import re

import pytest

from realtime.errors import ErrorCode
from realtime.frame_types import event_types, request_types
from tests.realtime.reference_examples import (
    ADDED,
    ADDED_TO_MISSED,
    ADDED_TO_POLLS,
    ERROR_CODES,
    EXAMPLES,
)
from tests.schema import OF_TESTS
from tests.servers import ROOT

SECTION = (ROOT / "docs/protocol.md").read_text().split("## Differences from the API reference")[1]
ROWS = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", SECTION, re.M))


def named(row: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", ROWS[row]))


def test_every_type_of_frame_that_was_added_is_named() -> None:
    types = {event.name for event in event_types()} | {request.name for request in request_types()}
    assert named("types") == types - EXAMPLES.keys() - OF_TESTS


def test_every_code_that_was_added_is_named() -> None:
    assert named("codes") == {code.value for code in ErrorCode} - ERROR_CODES.keys()


@pytest.mark.parametrize("type", ADDED)
def test_every_field_that_was_added_is_named(type: str) -> None:
    (row,) = (row for row in ROWS if row.startswith(("of", "fields")) and f"`{type}`" in row)
    assert ADDED[type] <= named(row)


def test_every_field_that_was_added_to_polls_is_named() -> None:
    assert named("of a poll's answer") >= ADDED_TO_POLLS
    assert named("of the answer to `poll/missed`") >= ADDED_TO_MISSED - {"timestamp"}
