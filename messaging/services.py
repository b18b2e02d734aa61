"""Writing messages and conversations. All other code, the site's too, goes through here.

    from messaging.services import create_conversation, send_message

    conversation, _ = create_conversation(str(alice.pk), [bob.pk])
    send_message(str(alice.pk), conversation.pk, "Hello Bob")

Everything that happens in a conversation happens under the lock of its row, in
one transaction with its event: positions are gapless, events come in their
order, and who gets an event is who takes part at that moment.
"""

from __future__ import annotations

from messaging.access import unread_counts
from messaging.deletion import delete_message, forget_user
from messaging.membership import add_participants, create_conversation, leave, remove_participant
from messaging.notices import mute, unmute
from messaging.receipts import mark_read
from messaging.sending import send_message, send_together
from messaging.typists import typing_start, typing_stop, typing_together

__all__ = [
    "add_participants",
    "create_conversation",
    "delete_message",
    "forget_user",
    "leave",
    "mark_read",
    "mute",
    "remove_participant",
    "send_message",
    "send_together",
    "typing_start",
    "typing_stop",
    "typing_together",
    "unmute",
    "unread_counts",
]
