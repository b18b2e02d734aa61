"""One schema: the published files, and the frames that are checked against it."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from django.core.management import CommandError, call_command

from notifications.events import NotificationPayload
from realtime import frame_types
from realtime.errors import ErrorCode
from realtime.frame_types import EventType, event_types, request_types
from realtime.protocol import parse_prefixed_id
from realtime.registry import command, register_event
from realtime.schema.json_document import BODIES, definitions, json_document
from realtime.schema.typescript import typescript
from tests.realtime.reference_examples import (
    ADDED,
    ADDED_TO_MISSED,
    ADDED_TO_POLLS,
    COMMANDS,
    EXAMPLES,
    MISSED_ANSWER,
    POLL_ANSWER,
)
from tests.schema import assert_valid
from tests.schema.answers import assert_valid_answer

FILES = {"openapi.json", "asyncapi.json", "schema.json", "realtime.ts"}


class Pinned(msgspec.Struct):
    """`note_pinned`: a type that no app has."""

    note_id: str


class LongerNotification(NotificationPayload, kw_only=True):
    """As if a field had been added to `NotificationPayload`."""

    colour: str


LongerNotification.__name__ = "NotificationPayload"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is forgotten after it."""
    monkeypatch.setattr(frame_types, "_events", dict(frame_types._events))
    monkeypatch.setattr(frame_types, "_requests", dict(frame_types._requests))


def exported(directory: Path) -> dict[str, str]:
    call_command("export_schema", directory=directory)
    return {path.name: path.read_text() for path in directory.iterdir()}


# --- the files ---------------------------------------------------------------------------


def test_all_files_are_written_and_then_current(tmp_path: Path) -> None:
    assert set(exported(tmp_path)) == FILES
    call_command("export_schema", directory=tmp_path, check=True)


def test_writing_twice_writes_the_same(tmp_path: Path) -> None:
    assert exported(tmp_path / "one") == exported(tmp_path / "two")


def test_a_field_added_to_a_struct_makes_the_check_fail(tmp_path: Path, registry: None) -> None:
    exported(tmp_path)
    changed = EventType("notification", LongerNotification, logged=True, channel="notifications")
    frame_types._events["notification"] = changed
    with pytest.raises(CommandError, match=r"asyncapi\.json, schema\.json, realtime\.ts") as error:
        call_command("export_schema", directory=tmp_path, check=True)
    assert error.value.returncode == 1


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    exported(tmp_path)
    (tmp_path / "realtime.ts").unlink()
    with pytest.raises(CommandError, match=r": realtime\.ts\. "):
        call_command("export_schema", directory=tmp_path, check=True)


# --- what is in them ---------------------------------------------------------------------


def test_typescript_has_every_registered_type() -> None:
    text = typescript()
    for event in event_types():
        assert f"  {event.name}: {event.payload.__name__};" in text
        assert f"export interface {event.payload.__name__} {{" in text
    for request in request_types():
        assert f"  {request.name}: {request.request.__name__};" in text
        assert f'type: "{request.name}";' in text


def test_typescript_has_what_polls_take_and_answer() -> None:
    text = typescript()
    for body in BODIES:
        assert f"export interface {body.__name__} {{" in text
        for field in body.__struct_encode_fields__:
            assert re.search(rf"^  {field}\??: ", text, re.MULTILINE), field


def test_what_an_app_registers_is_in_every_file(tmp_path: Path, registry: None) -> None:
    register_event("note_pinned", Pinned, logged=True, channel="note:{id}")
    files = exported(tmp_path)
    for name in FILES - {"openapi.json"}:
        assert "NotePinnedFrame" in files[name], name
        assert "note_id" in files[name], name
    message = json.loads(files["asyncapi.json"])["components"]["messages"]["NotePinnedFrame"]
    assert message["x-channel"] == "note:{id}"
    assert message["x-logged"] is True


def test_asyncapi_has_an_operation_for_each_type_and_way(tmp_path: Path) -> None:
    document = json.loads(exported(tmp_path)["asyncapi.json"])
    assert set(document["operations"]) == {
        *(f"send_{event.name}" for event in event_types()),
        *(f"receive_{request.name}" for request in request_types()),
    }


@pytest.fixture
def openapi(tmp_path: Path) -> dict[str, Any]:
    """The document of the REST API."""
    document: dict[str, Any] = json.loads(exported(tmp_path)["openapi.json"])
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each operation by its method and path."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def json_of(document: dict[str, Any], described: dict[str, Any]) -> dict[str, Any] | None:
    """The JSON of a request body or a response: its schema and examples, if it has any."""
    if "$ref" in described:
        described = document["components"]["responses"][described["$ref"].rpartition("/")[2]]
    content: dict[str, dict[str, Any]] = described.get("content", {})
    return content.get("application/json")


def test_every_operation_has_a_title_a_description_and_the_group_of_its_app(
    openapi: dict[str, Any],
) -> None:
    groups = {tag["name"] for tag in openapi["tags"]}
    ids = [operation["operationId"] for _, operation in operations(openapi)]
    assert len(set(ids)) == len(ids)
    for name, operation in operations(openapi):
        assert operation["summary"], name
        assert operation["description"], name
        assert set(operation["tags"]) < groups, name


def test_every_success_says_what_it_answers(openapi: dict[str, Any]) -> None:
    for name, operation in operations(openapi):
        successes = {status for status in operation["responses"] if status.startswith("2")}
        assert successes, name
        for status in successes - {"204"}:
            assert json_of(openapi, operation["responses"][status]), name


def test_every_path_answers_errors_with_the_error_object(openapi: dict[str, Any]) -> None:
    assert openapi["openapi"].startswith("3.1")
    for name, operation in operations(openapi):
        refusals = {
            status: json_of(openapi, response)
            for status, response in operation["responses"].items()
            if not status.startswith("2")
        }
        assert {"401", "default"} <= set(refusals), name
        for refusal in refusals.values():
            assert refusal, name
            form = "Refusal" if operation["operationId"] == "send" else "ErrorObject"
            assert refusal["schema"] == {"$ref": f"#/components/schemas/{form}"}, name
    assert openapi["components"]["schemas"]["ErrorCode"]["enum"] == sorted(ErrorCode)


def test_the_examples_are_valid(openapi: dict[str, Any]) -> None:
    shown = 0
    for name, operation in operations(openapi):
        described = [operation.get("requestBody", {}), *operation["responses"].values()]
        for content in filter(None, (json_of(openapi, each) for each in described)):
            for example in content.get("examples", {}).values():
                shown += 1
                schema = {"components": openapi["components"], **content["schema"]}
                try:
                    jsonschema.validate(example["value"], schema)
                except jsonschema.ValidationError as error:
                    pytest.fail(f"{name}: {error}")
    assert shown


def test_ids_in_paths_are_those_that_the_server_takes(openapi: dict[str, Any]) -> None:
    for name, operation in operations(openapi):
        for parameter in operation.get("parameters", ()):
            if (
                parameter["in"] == "path"
                and parameter["name"].endswith("_id")
                and (parameter["name"] != "user_id")
            ):
                (example,) = parameter["schema"]["examples"]
                prefix = example.partition("_")[0]
                largest = f"{prefix}_{'9' * 18}"
                assert re.fullmatch(parameter["schema"]["pattern"], largest), name
                assert parse_prefixed_id(prefix, largest, field="id"), name
                assert not re.fullmatch(parameter["schema"]["pattern"], f"{prefix}_0"), name


def test_polls_are_described_by_the_structs_that_parse_them(openapi: dict[str, Any]) -> None:
    poll = openapi["paths"]["/api/v1/realtime/poll"]["get"]
    parameters = {each["name"]: each.get("required", False) for each in poll["parameters"]}
    assert parameters.pop("user_id") is True
    assert set(parameters) == {"last_poll_id", "timeout", "limit", "channels", "epoch"}
    assert poll["security"] == [{"bearer": []}]
    assert openapi["components"]["securitySchemes"]["bearer"]["bearerFormat"] == "JWT"


def test_the_reply_to_a_command_has_its_type(registry: None) -> None:
    @command("note_pin", Pinned)
    def pin(caller: Any, request: Pinned) -> Pinned:
        return request

    assert definitions()["NotePinAckPayload"]["properties"]["data"] == {"$ref": "#/$defs/Pinned"}
    assert "  note_pin: Pinned;" in typescript()


def test_a_type_can_be_registered_once(registry: None) -> None:
    with pytest.raises(ValueError, match="already an event 'notification'"):
        register_event("notification", Pinned, logged=False)
    with pytest.raises(ValueError, match="already a command 'subscribe'"):
        command("subscribe", Pinned)(lambda caller, request: request)


# --- the reference's examples ------------------------------------------------------------


def validate(instance: Any, name: str, added: set[str] = frozenset()) -> None:  # type: ignore[assignment]
    """Against one definition, where the fields `added` need not be there."""
    document = copy.deepcopy(json_document())
    for schema in document["$defs"].values():
        schema["required"] = [field for field in schema.get("required", ()) if field not in added]
    del document["anyOf"]
    jsonschema.validate(instance, {**document, "$ref": f"#/$defs/{name}"})


@pytest.mark.parametrize("type", EXAMPLES)
def test_the_reference_s_payload_is_valid(type: str) -> None:
    payloads = {event.name: event.payload for event in event_types()}
    requests = {request.name: request.request for request in request_types()}
    found = payloads.get(type) or requests[type]
    validate(EXAMPLES[type], found.__name__, ADDED.get(type, set()))
    if type in payloads:
        fields = found.__struct_encode_fields__
        assert set(EXAMPLES[type]) <= set(fields)
    if ADDED.get(type):
        assert ADDED[type] <= set(found.__struct_encode_fields__)


@pytest.mark.parametrize("frame", COMMANDS, ids=lambda frame: frame["type"])
def test_the_reference_s_command_is_valid(frame: dict[str, Any]) -> None:
    validate(frame, "ClientFrame")


def test_the_reference_s_poll_answer_is_valid() -> None:
    validate(POLL_ANSWER, "PollAnswer", ADDED_TO_POLLS)


def test_the_reference_s_answer_of_missed_messages_is_valid() -> None:
    validate(MISSED_ANSWER, "MissedAnswer", ADDED_TO_MISSED)


# --- the check that every received frame passes ------------------------------------------


def frame(**fields: Any) -> dict[str, Any]:
    return {
        "id": "6f1c",
        "type": "notification_read_all",
        "payload": {"read_at": "2024-03-01T12:05:00Z", "unread_count": 0},
        "timestamp": "2024-03-01T12:05:00Z",
        "channel": "notifications",
        "sequence": 7,
        **fields,
    }


def test_a_frame_of_a_registered_type_passes() -> None:
    assert_valid(frame())


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "surprise"},
        {"sequence": "7"},
        {"colour": "red"},
        {"payload": {"read_at": "2024-03-01T12:05:00Z"}},
        {"payload": {"read_at": "yesterday", "unread_count": 0}},
        {"payload": {"read_at": "2024-03-01T12:05:00Z", "unread_count": 0, "colour": "red"}},
        {"type": "connect", "ack_id": "1"},
    ],
    ids=str,
)
def test_a_frame_that_the_schema_does_not_know_fails(wrong: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        assert_valid(frame(**wrong))


def test_a_logged_frame_without_a_sequence_fails() -> None:
    unnumbered = frame()
    del unnumbered["sequence"]
    with pytest.raises(AssertionError, match="sequence"):
        assert_valid(unnumbered)


def test_an_ack_has_the_data_of_the_command_that_it_answers() -> None:
    answer = {
        "id": "6f1c",
        "type": "ack",
        "payload": {"ack_id": "1", "status": "success", "data": {"channel": "presence"}},
        "timestamp": "2024-03-01T12:05:00Z",
        "ack_id": "1",
    }
    assert_valid(answer, answers="unsubscribe")
    with pytest.raises(AssertionError, match="last_sequence"):
        assert_valid(answer, answers="subscribe")


# --- the check that every HTTP answer passes ---------------------------------------------


def answer(path: str, body: Any, status: int = 200, sent: Any = None) -> None:
    """Check this answer of `POST`, or of `GET` where nothing was sent."""
    method = "GET" if sent is None else "POST"
    encode = msgspec.json.encode
    assert_valid_answer(method, f"/api/v1/{path}", encode(sent), status, encode(body))


ERROR = {"code": "NOT_FOUND", "message": "There is nothing here", "details": {}}
ACK = {
    "id": "6f1c",
    "type": "ack",
    "payload": {"ack_id": "1", "status": "success", "data": {"channel": "presence"}},
    "timestamp": "2024-03-01T12:05:00Z",
    "ack_id": "1",
}


def polled(**payload: Any) -> dict[str, Any]:
    """A poll's answer with one event, its payload changed."""
    event = {
        **{"event_id": "6f1c", "id": 7, "sequence": 7, "type": "notification_read_all"},
        **{"channel": "notifications", "timestamp": "2024-03-01T12:05:00Z"},
        "payload": {"read_at": "2024-03-01T12:05:00Z", "unread_count": 0, **payload},
    }
    return {"events": [event], "last_poll_id": 7, "has_more": False, "epoch": "e"}


def test_answers_as_declared_pass() -> None:
    answer("notifications/unread-count", {"unread_count": 1})
    answer("notifications/notif_1/read", ERROR, 404, sent={})
    answer("realtime/poll", polled())
    answer("realtime/send", ACK, sent={"type": "unsubscribe"})


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: answer("notifications/unread-count", {"unread_count": "1"}),
        lambda: answer("notifications/unread-count", {"unread_count": 1, "colour": "red"}),
        lambda: answer("notifications/unread-count", {}),
        lambda: answer("notifications/unread-count", {"unread_count": 1}, 201),
        lambda: answer("notifications/notif_1/read", {**ERROR, "code": "NONE"}, 404, sent={}),
        lambda: answer("realtime/poll", {**polled(), "events": None}),
        lambda: answer("realtime/poll", polled(read_at="yesterday")),
        lambda: answer("realtime/poll", polled(colour="red")),
        lambda: answer("realtime/send", ACK, sent={"type": "subscribe"}),
    ],
)
def test_answers_that_are_not_as_declared_fail(wrong: Callable[[], None]) -> None:
    with pytest.raises(AssertionError):
        wrong()
