"""Hostile values in every path, query and body of the REST API."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from messaging.events import conversation_id
from notifications.services import notify
from realtime.errors import ErrorCode
from realtime.users import user_id
from realtime.views import UnknownRealtimeView
from socialhub import services as site
from tests.attacks.conftest import Bystander
from tests.attacks.hostile import CURSORS, KEPT, TEXTS, believed, variations
from tests.clients import in_thread, open_http
from tests.messaging.talk import group, pair, say
from tests.people import PASSWORD, login_name, make_user
from tests.servers import Address

pytestmark = pytest.mark.options(SENDS_PER_SECOND=100_000, POLL_TIMEOUT=0.01)

JSON = {"Content-Type": "application/json"}
PAGES = {"cursor": "", "page_size": "1"}
# In a path these would be other paths.
NOT_IN_PATHS = ("empty", "path")
RAW = {"no UTF-8": "%ff%fe", "a surrogate's bytes": "%ed%a0%80", "cut off": "%f0%9f"}


@dataclass(frozen=True)
class Operation:
    """One method of one path, with parameters and a body that would do."""

    method: str
    path: str
    body: dict[str, Any] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


_POLL = {"user_id": "{me}", "limit": 1, "channels": ["presence"], "epoch": "x"}
_QUERY = {"user_id": "{me}", "limit": "1", "channels": "presence", "epoch": "x", "token": "x"}
_ONE = "conversations/{conversation_id}"

OPERATIONS = [
    Operation("POST", "auth/token", {"{login}": "{name}", "password": PASSWORD}),
    Operation("POST", "auth/token/refresh", {"refresh": "x"}),
    Operation("POST", "auth/token/session"),
    Operation("GET", "realtime/poll", query={**_QUERY, "last_poll_id": "0", "timeout": "0"}),
    Operation("POST", "realtime/poll", {**_POLL, "last_poll_id": 0, "timeout": 0}),
    Operation("GET", "realtime/poll/missed", query={**_QUERY, "last_sequence": "0"}),
    Operation("POST", "realtime/send", {"type": "heartbeat"}),
    Operation("GET", "notifications", query={"unread": "true", **PAGES}),
    Operation("GET", "notifications/unread-count"),
    Operation("POST", "notifications/read-all"),
    Operation("POST", "notifications/{notification_id}/read"),
    Operation("GET", "notifications/mutes"),
    Operation("PUT", "notifications/mutes/types/{type}"),
    Operation("DELETE", "notifications/mutes/types/{type}"),
    Operation("GET", "conversations", query=PAGES),
    Operation("POST", "conversations", {"participant_ids": ["{bob}", "{dora}"], "title": "Trip"}),
    Operation("GET", f"{_ONE}/messages", query=PAGES),
    Operation("POST", f"{_ONE}/messages", {"content": "Hello", "client_id": None}),
    Operation("DELETE", f"{_ONE}/messages/{{message_id}}"),
    Operation("PUT", f"{_ONE}/mute"),
    Operation("DELETE", f"{_ONE}/mute"),
    Operation("POST", f"{_ONE}/read", {"message_ids": ["{message_id}"], "position": 1}),
    Operation("POST", f"{_ONE}/leave"),
    Operation("GET", f"{_ONE}/participants"),
    Operation("POST", f"{_ONE}/participants", {"participant_ids": ["{bob}"]}),
    Operation("DELETE", f"{_ONE}/participants/{{user_id}}"),
    Operation("GET", "presence", query={"user_ids": "{me}"}),
    Operation("GET", "presence/me"),
    Operation("POST", "presence/me", {"status": "busy"}),
    Operation("PUT", "presence/me", {"status": "busy"}),
    Operation("GET", "posts", query=PAGES),
    Operation("POST", "posts", {"text": "Hello"}),
    Operation("GET", "posts/{post_id}"),
    Operation("PATCH", "posts/{post_id}", {"text": "Hello"}),
    Operation("DELETE", "posts/{post_id}"),
    Operation("POST", "posts/{post_id}/like"),
    Operation("DELETE", "posts/{post_id}/like"),
    Operation("GET", "posts/{post_id}/comments", query=PAGES),
    Operation("POST", "posts/{post_id}/comments", {"text": "Hello"}),
    Operation("GET", "users", query={"search": "bo", **PAGES}),
    Operation("POST", "users/{user_id}/follow"),
    Operation("DELETE", "users/{user_id}/follow"),
]


def _views(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _views(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern) and route.startswith("api/v1/"):
            yield route.removeprefix("api/v1/"), getattr(pattern.callback, "view_class", None)


def test_no_operation_was_left_out() -> None:
    served = {
        f"{method.upper()} {route.replace('<str:', '{').replace('>', '}')}"
        for route, view in _views(get_resolver().url_patterns)
        if view is not None and view is not UnknownRealtimeView
        for method in ("get", "post", "put", "patch", "delete")
        if hasattr(view, method)
    }
    assert served == {str(operation) for operation in OPERATIONS}


def known(alice: Any, bob: Any) -> dict[str, str]:
    """What stands in braces above."""
    dora = make_user("dora")
    conversation = group(alice, bob, dora)
    notification, post = notify(alice, "news", "text"), site.create_post(alice, "Hello")
    assert notification is not None
    return {
        "me": user_id(alice),
        "bob": user_id(bob),
        "dora": user_id(dora),
        "login": type(alice).USERNAME_FIELD,
        "name": login_name(alice),
        "conversation_id": conversation_id(conversation),
        "message_id": say(bob, conversation, "Hello").id,
        "notification_id": f"notif_{notification.pk}",
        "post_id": f"post_{post.pk}",
        "user_id": user_id(bob),
        "type": "news",
    }


def others(names: dict[str, str], carol: Any) -> dict[str, str]:
    """The same, of things that are Carol's and not Alice's."""
    erin = make_user("erin")
    conversation = pair(erin, carol)
    notification, post = notify(carol, "news", "Secret"), site.create_post(carol, "Mine")
    assert notification is not None
    return {
        **names,
        "conversation_id": conversation_id(conversation),
        "message_id": say(carol, conversation, "Secret").id,
        "notification_id": f"notif_{notification.pk}",
        "post_id": f"post_{post.pk}",
    }


def filled(value: Any, names: dict[str, str]) -> Any:
    """The value with everything in braces replaced."""
    match value:
        case dict():
            return {filled(key, names): filled(item, names) for key, item in value.items()}
        case list():
            return [filled(item, names) for item in value]
        case str():
            return value.format(**names)
    return value


def attempts(operation: Operation, names: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """Requests with one hostile value each: what was done, the path with its query, the body."""
    path, query = filled(operation.path, names), filled(operation.query, names)
    texts = {name: quote(text.encode(errors="surrogatepass"), "") for name, text in TEXTS.items()}
    texts = {**{name: text for name, text in texts.items() if len(text) < 20_000}, **RAW}
    usual = f"{path}?{urlencode(query)}"
    for name, text in texts.items():
        for parameter in names:
            if f"{{{parameter}}}" in operation.path and name not in NOT_IN_PATHS:
                yield (
                    f"{name} as {parameter}",
                    filled(operation.path, {**names, parameter: text}),
                    "",
                )
        for parameter in query:
            others = urlencode({key: query[key] for key in query if key != parameter})
            yield f"{name} in {parameter}", f"{path}?{parameter}={text}&{others}", ""
    if "cursor" in query:
        for name, cursor in CURSORS.items():
            yield name, f"{path}?{urlencode({**query, 'cursor': cursor})}", ""
    if operation.body:
        for doing, body in variations(filled(operation.body, names)):
            yield doing, usual, body


def fault(response: httpx.Response, doing: str) -> str:
    """What is wrong with an answer; nothing, if it took effect or says why not."""
    if response.status_code < 400:
        return ""
    error = response.json()
    error = error.get("payload", error)
    clear = error.keys() == {"code", "message", "details"} and bool(error["message"])
    if response.status_code < 500 and clear and error["code"] in set(ErrorCode):
        return ""
    return f"{doing}: {response.status_code} {response.text[:200]}"


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
async def test_hostile_values_are_refused_or_harmless(
    server: Address, bystander: Bystander, alice: Any, bob: Any, operation: Operation
) -> None:
    names = await in_thread(known, alice, bob)
    async with bystander(), open_http(server, alice) as http:
        faults = []
        for doing, path, body in attempts(operation, names):
            response = await http.request(
                operation.method, f"/api/v1/{path}", content=body.encode(), headers=JSON
            )
            faults.append(fault(response, doing))
        assert list(filter(None, faults)) == []


@pytest.mark.parametrize("name", KEPT)
async def test_what_is_just_text_comes_back_as_it_was(
    server: Address, bystander: Bystander, alice: Any, bob: Any, name: str
) -> None:
    names, text = await in_thread(known, alice, bob), TEXTS[name]
    conversation = f"conversations/{names['conversation_id']}/messages"
    comments = f"posts/{names['post_id']}/comments"
    people = [names["bob"], names["dora"]]
    async with bystander(), open_http(server, alice) as http:
        for path, field, others in (
            ("posts", "text", {}),
            (comments, "text", {}),
            (conversation, "content", {}),
            ("conversations", "title", {"participant_ids": people}),
        ):
            written = await http.post(f"/api/v1/{path}", json={**others, field: text})
            assert written.status_code == 201, written.text
            listed = (await http.get(f"/api/v1/{path}")).json()["results"]
            assert written.json()[field] == text
            assert next(item for item in listed if item["id"] == written.json()["id"]) == (
                written.json()
            )


PRIVATE = ("conversation_id", "message_id", "notification_id")


@pytest.mark.parametrize("name", PRIVATE)
async def test_what_is_somebody_else_s_does_not_exist(
    server: Address, bystander: Bystander, alice: Any, bob: Any, carol: Any, name: str
) -> None:
    names = await in_thread(known, alice, bob)
    foreign = {**names, name: (await in_thread(others, names, carol))[name]}
    naming = [one for one in OPERATIONS if f"{{{name}}}" in f"{one.path} {one.body}"]
    assert naming
    async with bystander(), open_http(server, alice) as http:
        for operation in naming:
            path, body = filled(operation.path, foreign), filled(operation.body, foreign)
            response = await http.request(operation.method, f"/api/v1/{path}", json=body)
            found = (response.status_code, response.json()["code"])
            assert found == (404, "NOT_FOUND"), str(operation)
            assert "Secret" not in response.text


SPOOFED = {
    **dict.fromkeys(("username", "sender", "actor_name"), "mallory"),
    **dict.fromkeys(("read_at", "created_at", "last_seen"), "1970-01-01T00:00:00Z"),
    **{"is_read": True, "read": True, "liked_by_me": True, "likes_count": 4711, "id": "post_4711"},
}


async def test_who_writes_and_when_is_not_read_from_the_body(
    server: Address, bystander: Bystander, alice: Any, bob: Any, carol: Any
) -> None:
    names = await in_thread(known, alice, bob)
    spoofed = {**SPOOFED, **dict.fromkeys(("sender_id", "author", "user_id"), user_id(carol))}
    # `user_id` is what a poll has to name, and means nothing elsewhere.
    writing = [one for one in OPERATIONS if one.body and not one.path.startswith("realtime/")]
    async with bystander(), open_http(server, alice) as http:
        for operation in writing:
            path = filled(operation.path, names)
            body = {**spoofed, **filled(operation.body, names)}
            response = await http.request(operation.method, f"/api/v1/{path}", json=body)
            assert response.status_code < 300 or operation.path == "auth/token/refresh"
            assert believed(response.json(), spoofed) == [], str(operation)
