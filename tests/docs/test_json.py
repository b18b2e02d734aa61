"""The documentation's JSON is as the schema has it."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from django.test import Client

from tests.docs.blocks import SHELLS, Block, to_run
from tests.schema import assert_valid
from tests.servers import ROOT

SCHEMA = json.loads((ROOT / "schema/schema.json").read_text())


def printed() -> list[Any]:
    """Lines of JSON that commands have printed."""
    return [
        pytest.param(line, id=str(block))
        for block in to_run(*SHELLS)
        for line in block.text.splitlines()
        if line.startswith("{")
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("block", to_run("json"), ids=str)
def test_a_block_is_what_clients_send_or_get(block: Block) -> None:
    check(json.loads(block.text))


@pytest.mark.parametrize("line", printed())
def test_a_printed_line_is_json_as_the_schema_has_it(line: str) -> None:
    found = json.loads(line)
    if "events" in found:
        validate(found, "PollAnswer")


def check(found: dict[str, Any]) -> None:
    if "timestamp" in found:
        assert_valid(found)
    elif "type" in found:
        validate(found, "ClientFrame")
    elif "code" in found:
        validate(found, "ErrorObject")
    else:
        assert found.keys() == Client().get("/readyz").json().keys()


def validate(found: dict[str, Any], definition: str) -> None:
    schema = {"$ref": f"#/$defs/{definition}", "$defs": SCHEMA["$defs"]}
    jsonschema.Draft202012Validator(schema).validate(found)


def test_a_field_that_is_not_there_is_noticed() -> None:
    with pytest.raises(AssertionError):
        check({"type": "notification", "payload": {}, "id": "1", "timestamp": "now"})
