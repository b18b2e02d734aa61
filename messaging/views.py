"""REST for conversations and messages: state, beside the events on the socket."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from django.db.models import F
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from messaging import access, services, summaries
from messaging.events import (
    CONVERSATION_PREFIX,
    MESSAGE_PREFIX,
    AddParticipantsBody,
    CreateConversationBody,
    ReadBody,
    SendMessageBody,
    message_payload,
)
from realtime.protocol import convert, parse_prefixed_id
from realtime.rest import NewestFirst, RestMixin
from realtime.users import parse_user_id, user_id

T = TypeVar("T")


class LatestFirst(NewestFirst):
    """Pages of conversations: where something was said last comes first."""

    page_size = 20
    ordering = "-activity"


class NewestMessagesFirst(NewestFirst):
    """Pages of messages."""

    ordering = "-position"


class ConversationsView(RestMixin, APIView):
    """`GET` and `POST conversations`."""

    def get(self, request: Request) -> Response:
        """The conversations that the caller takes part in, with counts and last messages."""
        mine = access.conversations_of(_caller(request)).annotate(
            activity=F("conversation__last_activity_at")
        )
        paginator = LatestFirst()
        page: list[Any] = paginator.paginate_queryset(mine, request, view=self) or []
        return paginator.get_paginated_response(msgspec.to_builtins(summaries.summaries(page)))

    def post(self, request: Request) -> Response:
        """201 for a new one; 200 for the one that these two people have already."""
        body = _body(request, CreateConversationBody)
        caller = _caller(request)
        conversation, created = services.create_conversation(
            caller, body.participant_ids, body.title
        )
        stay = access.conversations_of(caller).filter(conversation=conversation)
        return _as_json(summaries.summaries(list(stay))[0], status=201 if created else 200)


class MessagesView(RestMixin, APIView):
    """`GET` and `POST conversations/{id}/messages`."""

    def get(self, request: Request, conversation_id: str) -> Response:
        """What the caller may see, newest first, in cursor pages."""
        key = parse_user_id(_caller(request))
        history = access.history(_pk(conversation_id), key)
        paginator = NewestMessagesFirst()
        messages = access.with_read_marks(history.messages, key)
        page: list[Any] = paginator.paginate_queryset(messages, request, view=self) or []
        payloads = [
            message_payload(
                message,
                message.sender,
                is_read=access.is_read(message, key, history.last_read_position),
            )
            for message in page
        ]
        return paginator.get_paginated_response(msgspec.to_builtins(payloads))

    def post(self, request: Request, conversation_id: str) -> Response:
        """Say something."""
        pk = _pk(conversation_id)
        body = _body(request, SendMessageBody)
        payload = services.send_message(_caller(request), pk, body.content, body.client_id)
        return _as_json(payload, status=201)


class ReadView(RestMixin, APIView):
    """`POST conversations/{id}/read`: `message_ids`, or a `position`, or neither for all."""

    def post(self, request: Request, conversation_id: str) -> Response:
        pk = _pk(conversation_id)
        body = _body(request, ReadBody)
        pks = None
        if body.message_ids is not None:
            pks = [
                parse_prefixed_id(MESSAGE_PREFIX, value, field="message_ids")
                for value in body.message_ids
            ]
        payload = services.mark_read(_caller(request), pk, message_ids=pks, position=body.position)
        return _as_json(payload)


class LeaveView(RestMixin, APIView):
    """`POST conversations/{id}/leave`."""

    def post(self, request: Request, conversation_id: str) -> Response:
        services.leave(_caller(request), _pk(conversation_id))
        return Response(status=204)


class ParticipantsView(RestMixin, APIView):
    """`GET` and `POST conversations/{id}/participants`."""

    def get(self, request: Request, conversation_id: str) -> Response:
        """All who take part."""
        return self._answer(request, _pk(conversation_id))

    def post(self, request: Request, conversation_id: str) -> Response:
        """Add people to a group."""
        pk = _pk(conversation_id)
        body = _body(request, AddParticipantsBody)
        services.add_participants(_caller(request), pk, body.participant_ids)
        return self._answer(request, pk)

    def _answer(self, request: Request, pk: int) -> Response:
        access.active_stay(pk, parse_user_id(_caller(request)))
        people: Any = summaries.participants(pk)
        return Response({"participants": people})


class ParticipantView(RestMixin, APIView):
    """`DELETE conversations/{id}/participants/{user_id}`."""

    def delete(self, request: Request, conversation_id: str, user_id: str) -> Response:
        services.remove_participant(_caller(request), _pk(conversation_id), user_id)
        return Response(status=204)


def _caller(request: Request) -> str:
    return user_id(request.user)  # type: ignore[arg-type]  # IsAuthenticated has checked


def _pk(conversation_id: str) -> int:
    return parse_prefixed_id(CONVERSATION_PREFIX, conversation_id, field="id")


def _body(request: Request, type: type[T]) -> T:
    return convert(request.data, type)


def _as_json(payload: msgspec.Struct, status: int = 200) -> Response:
    body: Any = msgspec.to_builtins(payload)
    return Response(body, status=status)
