"""The payloads that the API reference shows, type by type, and what we add to them."""

from __future__ import annotations

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
