"""What the API reference shows, and what we add to it; and whether something is like it."""

from __future__ import annotations

import re
from typing import Any

AT = "2024-03-01T12:00:00Z"
LATER = "2024-03-01T12:05:00Z"

EXAMPLES: dict[str, dict[str, Any]] = {
    "connect": {"user_id": "123", "timestamp": AT},
    "disconnect": {"reason": "client_initiated"},
    "subscribe": {"channel": "notifications"},
    "unsubscribe": {"channel": "notifications"},
    "notification": {
        "id": "notif_123",
        "type": "like",
        "actor_id": "456",
        "actor_name": "John Doe",
        "message": "John liked your post",
        "post_id": "post_789",
        "read": False,
        "created_at": AT,
    },
    "notification_read": {"notification_id": "notif_123", "read_at": LATER},
    "notification_read_all": {"read_at": LATER},
    "message": {
        "id": "msg_123",
        "conversation_id": "conv_456",
        "sender_id": "789",
        "content": "Hello!",
        "created_at": AT,
        "is_read": False,
        "sender": {
            "id": "789",
            "username": "jane",
            "display_name": "Jane Doe",
            "avatar_url": "https://...",
        },
    },
    "typing_start": {
        "conversation_id": "conv_456",
        "user_id": "789",
        "username": "jane",
        "is_typing": True,
    },
    "typing_stop": {
        "conversation_id": "conv_456",
        "user_id": "789",
        "username": "jane",
        "is_typing": False,
    },
    "read_receipt": {
        "conversation_id": "conv_456",
        "message_ids": ["msg_1", "msg_2"],
        "read_at": LATER,
    },
    "presence": {"user_id": "123", "status": "online", "last_seen": AT},
    "feed_update": {
        "type": "new_post",
        "post_id": "post_123",
        "user_id": "456",
        "username": "john",
        "action": "created",
        "created_at": AT,
    },
    "count_update": {"new_posts_count": 5, "last_update": AT},
    "ack": {"ack_id": "ack_123", "status": "success", "data": {}},
    "error": {"code": "INVALID_MESSAGE", "message": "Message type is required", "details": {}},
    "heartbeat": {"timestamp": AT},
}

# Fields of ours that the server always sends beside the reference's.
ADDED: dict[str, set[str]] = {
    "connect": {"epoch", "last_sequence", "recovered", "channels"},
    "disconnect": {"code", "reconnect"},
    "notification_read": {"unread_count"},
    "notification_read_all": {"unread_count"},
    "message": {"position"},
    "read_receipt": {"user_id", "last_read_position"},
    "heartbeat": {"last_sequence"},
}

# Client frames as the reference has them, with no timestamp.
COMMANDS: list[dict[str, Any]] = [
    {"id": "msg_123", "type": "subscribe", "payload": {"channel": "conversation:conv_456"}},
    {"id": "msg_124", "type": "unsubscribe", "payload": {"channel": "conversation:conv_456"}},
    {
        "type": "typing_start",
        "channel": "conversation:conv_123",
        "payload": {"conversation_id": "conv_123", "user_id": "123", "username": "john"},
    },
    {"type": "message", "channel": "conversation:conv_123", "payload": {"content": "Hello"}},
]

ENVELOPE: dict[str, Any] = {
    "id": "msg_1234567890_abcdef",
    "type": "message_type",
    "payload": {},
    "channel": "channel_name",
    "ack_id": "ack_123",
    "timestamp": AT,
}

POLL_BODY: dict[str, Any] = {"user_id": "123", "last_poll_id": 456}

POLL_ANSWER: dict[str, Any] = {
    "events": [
        {
            "id": 789,
            "type": "notification",
            "channel": "notifications",
            "payload": EXAMPLES["notification"],
            "timestamp": AT,
        }
    ],
    "last_poll_id": 789,
    "has_more": False,
}
ADDED_TO_POLLS = {"epoch", "event_id", "sequence"}

MISSED_ANSWER: dict[str, Any] = {
    "messages": [{"id": "msg_789", "type": "message", "payload": EXAMPLES["message"]}]
}
ADDED_TO_MISSED = {"epoch", "has_more", "last_sequence", "timestamp"}

# In the token that the reference shows.
CLAIMS = {"user_id": "123", "exp": 1709328000}

ERROR_CODES = {
    "MISSING_TOKEN": 401,
    "INVALID_TOKEN": 401,
    "TOKEN_EXPIRED": 401,
    "INVALID_MESSAGE": 400,
    "CHANNEL_NOT_FOUND": 404,
    "MAX_CONNECTIONS": 429,
    "RATE_LIMITED": 429,
    "INTERNAL_ERROR": 500,
}

PRESENCE_STATUSES = ("online", "offline", "away", "busy")

# The channels, and which of them are subscribed to by themselves.
CHANNELS = {
    "notifications": True,
    "presence": False,
    "presence:{userId}": False,
    "conversation:{id}": False,
    "feed:updates": False,
}

FRAMES_PER_SECOND = 100
CONNECTIONS_PER_USER = 10
POLLS_PER_MINUTE = 30
POLL_TIMEOUT = 30
LIMIT_HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


# --- being like an example ---------------------------------------------------------------

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
OBJECT_ID = re.compile(r"(notif|msg|conv|post)_[1-9]\d*")


def assert_like(example: Any, found: Any, where: str = "payload") -> None:
    """Every field of the example is there, under its name, of its type and form."""
    assert type(found) is type(example), f"{where}: {found!r}, not like {example!r}"
    if isinstance(example, dict):
        for name, value in example.items():
            assert name in found, f"{where} has no {name}: {found}"
            assert_like(value, found[name], f"{where}.{name}")
    elif isinstance(example, list):
        for item in found:
            assert_like(example[0], item, f"{where}[]")
    elif isinstance(example, str):
        for form in (MOMENT, OBJECT_ID):
            if like := form.fullmatch(example):
                same = form.fullmatch(found)
                assert same, f"{where}: {found!r}, not like {example!r}"
                assert same.groups()[:1] == like.groups()[:1] or form is MOMENT, where


def assert_as_in_reference(frame: dict[str, Any], **exact: Any) -> None:
    """A frame is the reference's envelope around the payload that it shows for this type.

    Args:
        exact: fields of the payload whose values are known.
    """
    expected = {name: ENVELOPE[name] for name in ENVELOPE if name in frame}
    assert {"id", "type", "payload", "timestamp"} <= expected.keys(), frame
    assert_like(expected, {**frame, "payload": {}}, "frame")
    assert UUID.fullmatch(frame["id"]), frame
    assert_like(EXAMPLES[frame["type"]], frame["payload"])
    assert {name: frame["payload"][name] for name in exact} == exact
