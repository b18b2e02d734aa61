"""Writing messages and conversations. All other code, the site's too, goes through here.

    from messaging.services import create_conversation, send_message

    conversation, _ = create_conversation(str(alice.pk), [bob.pk])
    send_message(str(alice.pk), conversation.pk, "Hello Bob")

Everything that happens in a conversation happens under the lock of its row, in
one transaction with its event: positions are gapless, events come in their
order, and who gets an event is who takes part at that moment.
"""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser

from messaging.access import active, active_stay, unread_counts
from messaging.deletion import delete_message, forget_user
from messaging.events import Typing, channel, conversation_id
from messaging.membership import add_participants, create_conversation, leave, remove_participant
from messaging.notices import mute, unmute
from messaging.receipts import mark_read
from messaging.sending import check_may_send, send_message, send_together
from realtime import ephemeral
from realtime.registry import Caller
from realtime.users import describe, parse_user_id

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
    "unmute",
    "unread_counts",
]

TYPING_SECONDS = 10


# --- typing ------------------------------------------------------------------------


def typing_start(caller: Caller, conversation_pk: int) -> Typing:
    """Show the others that the caller types, for 10 s or until told otherwise.

    Raises:
        RealtimeError: NOT_FOUND, the caller does not take part; FORBIDDEN, the
            site's hook `MAY_MESSAGE` says no.
    """
    key = parse_user_id(caller.user_id)
    stays = list(active(conversation_pk).values_list("user_id", "conversation__pair"))
    members = [member for member, _ in stays]
    check_may_send(key, members, any(pair for _, pair in stays))
    sender = get_user_model()._default_manager.get(pk=key)
    others = [member for member in members if member != key]
    started = _typing(sender, conversation_pk, is_typing=True)
    stopped = _typing(sender, conversation_pk, is_typing=False)

    def tell(event: Typing) -> None:
        ephemeral.send_signal(
            "typing_start" if event.is_typing else "typing_stop",
            event,
            channel=channel(conversation_pk),
            recipients=others,
            coalesce=f"typing:{conversation_pk}:{caller.user_id}",
        )

    ephemeral.hold(
        caller,
        _typing_key(conversation_pk),
        lambda: tell(started),
        lambda: tell(stopped),
        seconds=TYPING_SECONDS,
    )
    return started


def typing_stop(caller: Caller, conversation_pk: int) -> Typing:
    """The caller types no longer.

    Raises:
        RealtimeError: NOT_FOUND, the caller does not take part.
    """
    key = parse_user_id(caller.user_id)
    active_stay(conversation_pk, key)
    ephemeral.release(caller, _typing_key(conversation_pk))
    sender = get_user_model()._default_manager.get(pk=key)
    return _typing(sender, conversation_pk, is_typing=False)


def _typing_key(conversation_pk: int) -> str:
    return f"typing:{conversation_pk}"


def _typing(user: AbstractBaseUser, conversation_pk: int, *, is_typing: bool) -> Typing:
    return Typing(
        conversation_id=conversation_id(conversation_pk),
        user_id=str(user.pk),
        username=describe(user)["username"],
        is_typing=is_typing,
    )
