"""Frames and polls as they look, for OpenAPI, where a type alone says little.

They are checked against the schemas that they stand beside.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample

AT = "2024-03-01T12:00:00Z"
EPOCH = "634ad1a5a0a64b0c8b1c3f0e2f6d7a91"
UUID = "3a34637b-1f81-459d-9c90-f10d9b363c2f"

NOTIFICATION: dict[str, Any] = {
    "id": "notif_6",
    "type": "like",
    "actor_id": "2",
    "actor_name": "Bob Baker",
    "message": "Bob liked your post",
    "post_id": "post_1",
    "read": False,
    "created_at": AT,
    "unread_count": 4,
}
EVENT: dict[str, Any] = {
    "type": "notification",
    "channel": "notifications",
    "payload": NOTIFICATION,
    "timestamp": AT,
    "sequence": 457,
}


def _request(name: str, value: dict[str, Any]) -> OpenApiExample:
    return OpenApiExample(name, value, request_only=True)


def _answer(name: str, value: dict[str, Any]) -> OpenApiExample:
    return OpenApiExample(name, value, response_only=True)


POLL_REQUEST = _request(
    "Go on after 456",
    {"user_id": "7", "last_poll_id": 456, "timeout": 30, "channels": "presence,feed:updates"},
)
POLL_ANSWER = _answer(
    "A notification",
    {
        "events": [{"id": 457, "event_id": UUID, **EVENT}],
        "last_poll_id": 457,
        "has_more": False,
        "epoch": EPOCH,
    },
)
MISSED_ANSWER = _answer(
    "A notification",
    {
        "messages": [{"id": UUID, **EVENT}],
        "last_sequence": 457,
        "has_more": False,
        "epoch": EPOCH,
    },
)

FRAMES = [
    _request(
        "Set one's status",
        {"type": "presence", "ack_id": "1", "payload": {"status": "busy"}},
    ),
    _request(
        "Read a notification",
        {
            "type": "notification_read",
            "ack_id": "2",
            "payload": {"notification_id": "notif_6"},
        },
    ),
    _request(
        "Say something",
        {
            "type": "message",
            "id": UUID,
            "ack_id": "3",
            "payload": {"conversation_id": "conv_1", "content": "Hello!"},
        },
    ),
]
ANSWERS = [
    _answer(
        "A notification was read",
        {
            "id": UUID,
            "type": "ack",
            "ack_id": "2",
            "payload": {
                "ack_id": "2",
                "status": "success",
                "data": {"notification_id": "notif_6", "read_at": AT, "unread_count": 3},
            },
            "timestamp": AT,
        },
    ),
]
