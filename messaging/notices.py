"""The one notification of each conversation for each of its people; and muting it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from messaging.access import active_stay
from messaging.events import channel, conversation_id, message_id
from messaging.models import Message
from messaging.texts import excerpt
from notifications import services as notifications
from notifications.services import News
from realtime.users import parse_user_id


def news_of(message: Message, members: Collection[Any]) -> News:
    """What the conversation's notification is to say after this message."""
    return notifications.coalesced_news(
        members,
        "message",
        params={"excerpt": excerpt(message.content)},
        key=channel(message.conversation_id),
        actor=message.sender,
        extra={
            "conversation_id": conversation_id(message.conversation_id),
            "message_id": message_id(message.pk),
        },
        subject=message_id(message.pk),
    )


def notify_of(message: Message, members: Collection[Any]) -> None:
    """Have the conversation's notification say what this message does."""
    notifications.notify_coalesced_news(news_of(message, members))


def mute(user_id: str, conversation_pk: int) -> None:
    """Notify this user of the conversation no more; its messages arrive as before.

    Raises:
        RealtimeError: NOT_FOUND, the user does not take part in it.
    """
    active_stay(conversation_pk, parse_user_id(user_id))
    notifications.mute(user_id, key=channel(conversation_pk))


def unmute(user_id: str, conversation_pk: int) -> None:
    """Undo `mute`.

    Raises:
        RealtimeError: NOT_FOUND, the user does not take part in it.
    """
    active_stay(conversation_pk, parse_user_id(user_id))
    notifications.unmute(user_id, key=channel(conversation_pk))


def muted_channels(user_id: str) -> set[str]:
    """The channels of the conversations that the user has muted."""
    return set(notifications.mutes(user_id).keys)
