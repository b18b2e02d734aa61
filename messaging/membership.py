"""Who takes part: conversations begin, people are added, leave, and are removed.

Each change is an event in order with the messages: it is written under the
lock of the conversation. The site calls these through `messaging.services`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from django.contrib.auth import get_user_model
from django.db.models import QuerySet

from messaging.access import active, active_keys, active_stay, atomic, lock
from messaging.events import ParticipantLeft, ParticipantsAdded, channel, conversation_id
from messaging.models import Conversation, Participant
from messaging.texts import check_title
from notifications.events import CHANNEL as NOTIFICATIONS
from notifications.services import mark_read_by_key
from realtime import log, protocol
from realtime.conf import hook
from realtime.errors import ErrorCode, RealtimeError, invalid, not_found
from realtime.rights import leave_channel
from realtime.users import describe, parse_user_id

# One event has at most so many recipients.
MAX_PARTICIPANTS = log.MAX_RECIPIENTS


def create_conversation(
    creator_id: str, participant_ids: Iterable[str | int], title: str = ""
) -> tuple[Conversation, bool]:
    """Begin a conversation, or find the one that these two people have.

    Of two people there is one conversation, whoever asks for it and whenever;
    who of them had left is back in it. Groups are always new.

    Args:
        creator_id: the user who asks, and takes part.
        participant_ids: ids of the others; the creator's own is ignored.
        title: a name for it, at most 200 characters.

    Returns:
        The conversation, and whether it is new.

    Raises:
        RealtimeError: INVALID_MESSAGE, nobody else is named, too many are, or an
            id or the title is malformed; NOT_FOUND, a user does not exist;
            FORBIDDEN, the creator may not write to one of them.
    """
    check_title(title)
    creator = parse_user_id(creator_id)
    others = _people(creator, participant_ids)
    if not others:
        raise invalid("Name at least one other person", field="participant_ids")
    members = [creator, *others]
    _check_size(len(members))
    content = {"title": title, "creator_id": creator}
    with atomic():
        if len(members) > 2:
            conversation, created = Conversation.objects.create(**content), True
        else:
            pair = ":".join(sorted(str(key) for key in members))
            conversation, created = Conversation.objects.get_or_create(pair=pair, defaults=content)
        if created:
            _add(conversation, members, by=creator)
        else:
            conversation = Conversation.objects.select_for_update().get(pk=conversation.pk)
            _add(conversation, members, by=creator)
    return conversation, created


def add_participants(
    user_id: str, conversation_pk: int, participant_ids: Iterable[str | int]
) -> list[str]:
    """Add people to a group. They see what is said from now on.

    Args:
        user_id: a participant, who adds them.

    Returns:
        The ids of those who were not in it.

    Raises:
        RealtimeError: NOT_FOUND, the conversation is not this user's, or a user
            does not exist; FORBIDDEN, the user may not write to one of them;
            INVALID_MESSAGE, an id is malformed, there are too many, or it is a
            conversation of two people.
    """
    key = parse_user_id(user_id)
    active_stay(conversation_pk, key)  # before anything about the people is told
    people = _people(key, participant_ids)
    with atomic():
        conversation = lock(conversation_pk, key)
        active_stay(conversation_pk, key)
        _refuse_pair(conversation)
        return [str(added) for added in _add(conversation, people, by=key)]


def remove_participant(user_id: str, conversation_pk: int, participant_id: str) -> None:
    """Remove somebody from a group: what was said until now stays theirs to read.

    Args:
        user_id: who removes: the creator of the group, or the same person.

    Raises:
        RealtimeError: NOT_FOUND, the conversation is not this user's, or the
            other does not take part; FORBIDDEN, the user has not created it;
            INVALID_MESSAGE, it is a conversation of two people.
    """
    key, other = parse_user_id(user_id), _parse(participant_id, field="participant_id")
    if key == other:
        leave(user_id, conversation_pk)
        return
    with atomic():
        conversation = lock(conversation_pk, key)
        active_stay(conversation_pk, key)
        _refuse_pair(conversation)
        if conversation.creator_id != key:
            raise RealtimeError(ErrorCode.FORBIDDEN, "Only who created a group removes others")
        stay = active(conversation_pk).filter(user_id=other).first()
        if stay is None:
            raise not_found("Participant does not exist")
        _end_stay(conversation, stay, removed_by=key)


def leave(user_id: str, conversation_pk: int) -> None:
    """Leave a conversation: what was said until now stays readable.

    Raises:
        RealtimeError: NOT_FOUND, the user does not take part in it.
    """
    key = parse_user_id(user_id)
    with atomic():
        conversation = lock(conversation_pk, key)
        _end_stay(conversation, active_stay(conversation_pk, key), removed_by=None)


def end_stays(stays: QuerySet[Participant]) -> None:
    """Whose account is about to be deleted leaves; the caller holds the conversations' locks."""
    for stay in stays.select_related("conversation"):
        _end_stay(stay.conversation, stay, removed_by=None)


def _add(conversation: Conversation, keys: Iterable[Any], *, by: Any) -> list[Any]:
    """Begin the stays of those who are not there; the caller holds the lock."""
    present = active_keys(conversation.pk)
    added = [key for key in keys if key not in set(present)]
    if not added:
        return []
    _check_size(len(present) + len(added))
    _begin_stays(conversation, added)
    users = get_user_model()._default_manager.in_bulk(added)
    # They are not subscribed to the conversation, and maybe never heard of it: they are
    # told on the channel that everybody has.
    event = ParticipantsAdded(
        conversation_id=conversation_id(conversation.pk),
        participants=[describe(users[key]) for key in added],
        added_by=str(by),
        position=conversation.last_position,
    )
    if present:
        _tell("participants_added", event, conversation, present)
    log.append("participants_added", event, channel=NOTIFICATIONS, recipients=added)
    return added


def _begin_stays(conversation: Conversation, keys: Iterable[Any]) -> None:
    position = conversation.last_position
    Participant.objects.bulk_create(
        Participant(
            conversation=conversation,
            user_id=key,
            joined_position=position,
            last_read_position=position,
        )
        for key in keys
    )


def _end_stay(conversation: Conversation, stay: Participant, *, removed_by: Any) -> None:
    members = active_keys(conversation.pk)
    stay.left_at = protocol.now()
    stay.left_position = conversation.last_position
    stay.save(update_fields=["left_at", "left_position"])
    event = ParticipantLeft(
        conversation_id=conversation_id(conversation.pk),
        user_id=str(stay.user_id),
        removed_by=None if removed_by is None else str(removed_by),
        position=conversation.last_position,
    )
    # Told first, then unsubscribed: the one who goes hears of it, too.
    _tell("participant_left", event, conversation, members)
    leave_channel(stay.user_id, channel(conversation.pk))
    mark_read_by_key([stay.user_id], channel(conversation.pk))


def _tell(
    type: str, event: msgspec.Struct, conversation: Conversation, recipients: Iterable[Any]
) -> None:
    log.append(type, event, channel=channel(conversation.pk), recipients=recipients)


def _people(user_key: Any, ids: Iterable[str | int]) -> list[Any]:
    """The keys of active users other than `user_key`, whom that user may write to."""
    keys = [_parse(value, field="participant_ids") for value in ids]
    others = [key for key in dict.fromkeys(keys) if key != user_key]
    users = get_user_model()._default_manager.in_bulk(others)
    for key in others:
        if key not in users or not users[key].is_active:
            raise not_found("User does not exist", user_id=str(key))
    for key in others:
        check_may_message(user_key, key)
    return others


def check_may_message(user_key: Any, other_key: Any) -> None:
    """Ask the site whether one may write to the other.

    Raises:
        RealtimeError: FORBIDDEN, its hook `MAY_MESSAGE` says no.
    """
    if not hook("MAY_MESSAGE")(str(user_key), str(other_key)):
        raise RealtimeError(
            ErrorCode.FORBIDDEN, "You may not write to this user", user_id=str(other_key)
        )


def _parse(value: str | int, *, field: str) -> Any:
    try:
        return parse_user_id(value)
    except ValueError:
        raise invalid(f"Not a user's id: {str(value)[:80]!r}", field=field) from None


def _check_size(people: int) -> None:
    if people > MAX_PARTICIPANTS:
        raise invalid(f"At most {MAX_PARTICIPANTS} people in a group", field="participant_ids")


def _refuse_pair(conversation: Conversation) -> None:
    if conversation.pair:
        raise invalid("A conversation of two people stays one: create a group instead")
