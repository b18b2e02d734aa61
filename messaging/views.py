"""REST for conversations and messages: state, beside the events on the socket."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from django.db.models import F
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from messaging import access, services, summaries
from messaging.events import (
    CONVERSATION_PREFIX,
    MESSAGE_PREFIX,
    AddParticipantsBody,
    CreateConversationBody,
    MessagePayload,
    Participants,
    ReadBody,
    ReadReceiptPayload,
    SendMessageBody,
    message_payload,
)
from realtime.protocol import convert, parse_prefixed_id
from realtime.rest import NewestFirst, RestMixin
from realtime.schema import openapi
from realtime.users import parse_user_id, user_id

T = TypeVar("T")

ID_IN_PATH = openapi.path_id("conversation_id", CONVERSATION_PREFIX)


class LatestFirst(NewestFirst):
    """Pages of conversations: where something was said last comes first."""

    page_size = 20
    ordering = "-activity"


class NewestMessagesFirst(NewestFirst):
    """Pages of messages."""

    ordering = "-position"


class ConversationsView(RestMixin, APIView):
    """`GET` and `POST conversations`."""

    refusals = frozenset({404})

    @extend_schema(
        operation_id="list_conversations",
        summary="List one's conversations",
        parameters=openapi.PAGE_PARAMETERS,
        responses=openapi.page_of(summaries.ConversationSummary),
    )
    def get(self, request: Request) -> Response:
        """Those that the caller takes part in, with counts and last messages.

        Where something was said last comes first.
        """
        mine = access.conversations_of(_caller(request)).annotate(
            activity=F("conversation__last_activity_at")
        )
        paginator = LatestFirst()
        page: list[Any] = paginator.paginate_queryset(mine, request, view=self) or []
        return paginator.get_paginated_response(msgspec.to_builtins(summaries.summaries(page)))

    @extend_schema(
        operation_id="begin_conversation",
        summary="Begin a conversation",
        request=CreateConversationBody,
        responses={201: summaries.ConversationSummary, 200: summaries.ConversationSummary},
    )
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

    @extend_schema(
        operation_id="list_messages",
        summary="List a conversation's messages",
        parameters=[ID_IN_PATH, *openapi.PAGE_PARAMETERS],
        responses=openapi.page_of(MessagePayload),
    )
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

    @extend_schema(
        operation_id="send_message",
        summary="Send a message",
        parameters=[ID_IN_PATH],
        request=SendMessageBody,
        examples=[
            OpenApiExample(
                "Once, however often it is sent",
                {"content": "Hello!", "client_id": "3a34637b-1f81-459d-9c90-f10d9b363c2f"},
                request_only=True,
            )
        ],
        responses={201: MessagePayload},
    )
    def post(self, request: Request, conversation_id: str) -> Response:
        """Everybody in the conversation hears of it; the same `client_id` sends nothing new."""
        pk = _pk(conversation_id)
        body = _body(request, SendMessageBody)
        payload = services.send_message(_caller(request), pk, body.content, body.client_id)
        return _as_json(payload, status=201)


class MessageView(RestMixin, APIView):
    """`DELETE conversations/{id}/messages/{message_id}`."""

    @extend_schema(
        operation_id="delete_message",
        summary="Delete a message",
        parameters=[ID_IN_PATH, openapi.path_id("message_id", MESSAGE_PREFIX)],
        responses={200: MessagePayload},
    )
    def delete(self, request: Request, conversation_id: str, message_id: str) -> Response:
        """Take back a message of one's own: its place stays, without content."""
        message_pk = parse_prefixed_id(MESSAGE_PREFIX, message_id, field="message_id")
        return _as_json(services.delete_message(_caller(request), _pk(conversation_id), message_pk))


class MuteView(RestMixin, APIView):
    """`PUT` and `DELETE conversations/{id}/mute`."""

    @extend_schema(
        operation_id="mute_conversation",
        summary="Mute a conversation",
        parameters=[ID_IN_PATH],
        request=None,
        responses={204: None},
    )
    def put(self, request: Request, conversation_id: str) -> Response:
        """No more notifications of this conversation; its messages arrive as before."""
        services.mute(_caller(request), _pk(conversation_id))
        return Response(status=204)

    @extend_schema(
        operation_id="unmute_conversation",
        summary="Unmute a conversation",
        parameters=[ID_IN_PATH],
        responses={204: None},
    )
    def delete(self, request: Request, conversation_id: str) -> Response:
        """Notifications of this conversation again."""
        services.unmute(_caller(request), _pk(conversation_id))
        return Response(status=204)


class ReadView(RestMixin, APIView):
    """`POST conversations/{id}/read`."""

    @extend_schema(
        operation_id="read_messages",
        summary="Mark messages as read",
        parameters=[ID_IN_PATH],
        request=ReadBody,
        examples=[
            OpenApiExample("These", {"message_ids": ["msg_1", "msg_2"]}, request_only=True),
            OpenApiExample("All up to a position", {"position": 7}, request_only=True),
            OpenApiExample("All", {}, request_only=True),
        ],
        responses={200: ReadReceiptPayload},
    )
    def post(self, request: Request, conversation_id: str) -> Response:
        """These `message_ids`, or all up to a `position`, or neither for all there are."""
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

    @extend_schema(
        operation_id="leave_conversation",
        summary="Leave a conversation",
        parameters=[ID_IN_PATH],
        request=None,
        responses={204: None},
    )
    def post(self, request: Request, conversation_id: str) -> Response:
        """What was said until now stays readable."""
        services.leave(_caller(request), _pk(conversation_id))
        return Response(status=204)


class ParticipantsView(RestMixin, APIView):
    """`GET` and `POST conversations/{id}/participants`."""

    @extend_schema(
        operation_id="list_participants",
        summary="List who takes part",
        parameters=[ID_IN_PATH],
        responses=Participants,
    )
    def get(self, request: Request, conversation_id: str) -> Response:
        """All of them, in the order in which they joined."""
        return self._answer(request, _pk(conversation_id))

    @extend_schema(
        operation_id="add_participants",
        summary="Add people to a group",
        parameters=[ID_IN_PATH],
        request=AddParticipantsBody,
        responses={200: Participants},
    )
    def post(self, request: Request, conversation_id: str) -> Response:
        """They see what is said from now on. Two people stay two: begin a group instead."""
        pk = _pk(conversation_id)
        body = _body(request, AddParticipantsBody)
        services.add_participants(_caller(request), pk, body.participant_ids)
        return self._answer(request, pk)

    def _answer(self, request: Request, pk: int) -> Response:
        access.active_stay(pk, parse_user_id(_caller(request)))
        return _as_json(Participants(summaries.participants(pk)))


class ParticipantView(RestMixin, APIView):
    """`DELETE conversations/{id}/participants/{user_id}`."""

    @extend_schema(
        operation_id="remove_participant",
        summary="Remove somebody from a group",
        parameters=[ID_IN_PATH, openapi.USER_ID_IN_PATH],
        responses={204: None},
    )
    def delete(self, request: Request, conversation_id: str, user_id: str) -> Response:
        """By who created the group. What was said until now stays theirs to read."""
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
