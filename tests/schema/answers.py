"""Every HTTP answer that a test receives is checked against `schema/openapi.json`."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema
import msgspec

from realtime.frame_types import find_request
from realtime.protocol import MissedAnswer, PollAnswer
from tests.schema import assert_valid, assert_valid_event

FILE = Path(__file__).resolve().parent.parent.parent / "schema" / "openapi.json"
JSON = "application/json"
POLL, MISSED, SEND = (f"/api/v1/realtime/{name}" for name in ("poll", "poll/missed", "send"))


def assert_valid_answer(method: str, path: str, sent: bytes, status: int, body: bytes) -> None:
    """The answer of an operation in the schema has a body as declared for its status.

    The events in it are checked like frames on a socket.

    Args:
        path: without the query.
        sent: the body of the request.
    """
    operation = _find_operation(method, path)
    if operation is None:
        return
    schema = _declared(operation, status)
    if schema is None:
        assert not body, f"{method} {path}: a body with {status}, of which nothing is said"
        return
    found = json.loads(body)
    try:
        _validator(json.dumps(schema)).validate(found)
    except jsonschema.ValidationError as error:
        place = ".".join(str(part) for part in error.absolute_path)
        raise AssertionError(
            f"{method} {path}: {status} at {place or 'the top'}: {error.message}"
        ) from None
    if status == 200:
        _check_events(path, sent, found)


def _check_events(path: str, sent: bytes, found: dict[str, Any]) -> None:
    if path == POLL:
        msgspec.convert(found, PollAnswer)
        for event in found["events"]:
            assert_valid_event(event)
    elif path == MISSED:
        msgspec.convert(found, MissedAnswer)
        for message in found["messages"]:
            assert_valid(message)
    elif path == SEND:
        request = find_request(json.loads(sent)["type"])
        assert request is not None
        assert found["type"] == request.reply
        assert_valid(found, answers=request.name)


def _declared(operation: dict[str, Any], status: int) -> dict[str, Any] | None:
    """The schema of the body that goes with a status, which has to be declared."""
    responses = operation["responses"]
    response = responses.get(str(status)) or (responses.get("default") if status >= 400 else None)
    assert response is not None, f"{operation['operationId']}: {status} is not declared"
    if "$ref" in response:
        response = _document()["components"]["responses"][response["$ref"].rpartition("/")[2]]
    schema: dict[str, Any] | None = response.get("content", {}).get(JSON, {}).get("schema")
    return schema


@lru_cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(FILE.read_text())
    _as_answered(document["components"])
    return document


def _as_answered(schema: Any) -> None:
    """Fields of requests are not in answers, and no field is one too many.

    Clients ignore what they do not know; tests are to know all of it.
    """
    if isinstance(schema, dict):
        if schema.get("type") == "object" and "properties" in schema:
            fields = schema["properties"]
            for name in [name for name in fields if fields[name].get("writeOnly")]:
                del fields[name]
            schema["required"] = [name for name in schema.get("required", ()) if name in fields]
            schema.setdefault("additionalProperties", False)
        for part in schema.values():
            _as_answered(part)
    elif isinstance(schema, list):
        for part in schema:
            _as_answered(part)


@lru_cache
def _paths() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    # Those without parameters first: `read-all` is no notification's id.
    templates = sorted(_document()["paths"].items(), key=lambda item: item[0].count("{"))
    return [
        (re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))), operations)
        for template, operations in templates
    ]


def _find_operation(method: str, path: str) -> dict[str, Any] | None:
    for pattern, operations in _paths():
        if pattern.fullmatch(path):
            found: dict[str, Any] | None = operations.get(method.lower())
            return found
    return None


@lru_cache
def _validator(schema: str) -> Any:
    document = {**json.loads(schema), "components": _document()["components"]}
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    return jsonschema.Draft202012Validator(document, format_checker=checker)
