"""Who is typing: told to the others, written nowhere.

The site calls this through `messaging.services`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser

from messaging.access import ConversationNotFoundError
from messaging.events import Typing, channel, conversation_id
from messaging.models import Participant
from messaging.sending import check_may_send
from realtime import ephemeral
from realtime.registry import Caller
from realtime.users import describe, parse_user_id

TYPING_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Typist:
    """Somebody in a conversation who types, or does so no longer."""

    caller: Caller
    conversation_pk: int
    is_typing: bool


def typing_start(caller: Caller, conversation_pk: int) -> Typing:
    """Show the others that the caller types, for 10 s or until told otherwise.

    Raises:
        RealtimeError: NOT_FOUND, the caller does not take part; FORBIDDEN, the
            site's hook `MAY_MESSAGE` says no.
    """
    return _one(Typist(caller, conversation_pk, is_typing=True))


def typing_stop(caller: Caller, conversation_pk: int) -> Typing:
    """The caller types no longer.

    Raises:
        RealtimeError: NOT_FOUND, the caller does not take part.
    """
    return _one(Typist(caller, conversation_pk, is_typing=False))


def _one(typist: Typist) -> Typing:
    outcome = typing_together([typist])[0]
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def typing_together(typists: Collection[Typist]) -> list[Typing | Exception]:
    """Tell of many at once; two queries, however many they are.

    Returns:
        For each what `typing_start` or `typing_stop` would return, or raise.
    """
    stays = Participant.objects.filter(
        conversation__in={typist.conversation_pk for typist in typists}, left_at=None
    )
    members = defaultdict(list)
    pairs = {}
    for pk, user, pair in stays.order_by("pk").values_list(
        "conversation_id", "user_id", "conversation__pair"
    ):
        members[pk].append(user)
        pairs[pk] = bool(pair)
    keys = {parse_user_id(typist.caller.user_id) for typist in typists}
    users = get_user_model()._default_manager.in_bulk(keys)
    outcomes: list[Typing | Exception] = []
    for typist in typists:
        pk = typist.conversation_pk
        try:
            outcomes.append(_tell(typist, members[pk], pairs.get(pk, False), users))
        except Exception as error:
            outcomes.append(error)
    return outcomes


def _tell(typist: Typist, members: list[Any], is_pair: bool, users: dict[Any, Any]) -> Typing:
    key, pk = parse_user_id(typist.caller.user_id), typist.conversation_pk
    if key not in members or key not in users:
        raise ConversationNotFoundError
    name = f"typing:{pk}"
    event = _typing(users[key], pk, is_typing=typist.is_typing)
    if not typist.is_typing:
        ephemeral.release(typist.caller, name)
        return event
    check_may_send(key, members, is_pair)
    stopped = _typing(users[key], pk, is_typing=False)
    others = [member for member in members if member != key]
    ephemeral.hold(
        typist.caller,
        name,
        lambda: _send(typist, event, others),
        lambda: _send(typist, stopped, others),
        seconds=TYPING_SECONDS,
    )
    return event


def _send(typist: Typist, event: Typing, others: list[Any]) -> None:
    ephemeral.send_signal(
        "typing_start" if event.is_typing else "typing_stop",
        event,
        channel=channel(typist.conversation_pk),
        recipients=others,
        coalesce=f"typing:{typist.conversation_pk}:{typist.caller.user_id}",
    )


def _typing(user: AbstractBaseUser, conversation_pk: int, *, is_typing: bool) -> Typing:
    return Typing(
        conversation_id=conversation_id(conversation_pk),
        user_id=str(user.pk),
        username=describe(user)["username"],
        is_typing=is_typing,
    )
