"""REST for notifications: state, beside the events on the socket."""

from __future__ import annotations

from typing import Any

import msgspec
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from notifications import services
from notifications.events import (
    ID_PREFIX,
    Mutes,
    NotificationPayload,
    NotificationRead,
    NotificationReadAll,
)
from notifications.models import Notification
from notifications.serializers import NotificationSerializer
from notifications.texts import language_of
from realtime.errors import invalid
from realtime.protocol import parse_prefixed_id
from realtime.rest import NewestFirst, RestMixin
from realtime.schema import openapi
from realtime.users import user_id

FLAGS = {"true": True, "1": True, "false": False, "0": False}


class UnreadCount(msgspec.Struct):
    """How many notifications are unread."""

    unread_count: int


@extend_schema_view(
    get=extend_schema(
        operation_id="list_notifications",
        summary="List one's notifications",
        parameters=[
            *openapi.PAGE_PARAMETERS,
            OpenApiParameter(
                "unread", {"type": "string", "enum": [*FLAGS]}, description="Only the unread"
            ),
        ],
        responses=openapi.page_of(NotificationPayload),
    )
)
class NotificationListView(RestMixin, ListAPIView[Notification]):
    """`GET notifications`: newest first, in cursor pages; `?unread=true` for the unread."""

    serializer_class = NotificationSerializer
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[Notification]:
        mine = Notification.objects.filter(recipient_id=self.request.user.pk)
        unread = self.request.query_params.get("unread", "false").lower()
        if unread not in FLAGS:
            raise invalid("unread must be true or false", field="unread")
        if FLAGS[unread]:
            mine = mine.filter(read_at=None)
        return mine.select_related("actor")

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "language": language_of(self.request.user)}


class UnreadCountView(RestMixin, APIView):
    """`GET notifications/unread-count`."""

    @extend_schema(
        operation_id="count_unread_notifications",
        summary="Count one's unread notifications",
        responses=UnreadCount,
    )
    def get(self, request: Request) -> Response:
        return _as_json(UnreadCount(services.unread_count(_caller(request))))


class MutesView(RestMixin, APIView):
    """`GET notifications/mutes`."""

    @extend_schema(operation_id="mutes", summary="List what is muted", responses=Mutes)
    def get(self, request: Request) -> Response:
        """What the caller does not want to be notified of."""
        return _as_json(services.mutes(_caller(request)))


class MuteTypeView(RestMixin, APIView):
    """`PUT` and `DELETE notifications/mutes/types/{type}`."""

    @extend_schema(
        operation_id="mute_type", summary="Mute a type", request=None, responses={200: Mutes}
    )
    def put(self, request: Request, type: str) -> Response:
        """No more notifications of this type."""
        return _as_json(services.mute(_caller(request), type=type))

    @extend_schema(operation_id="unmute_type", summary="Unmute a type", responses={200: Mutes})
    def delete(self, request: Request, type: str) -> Response:
        """Notifications of this type again."""
        return _as_json(services.unmute(_caller(request), type=type))


class ReadView(RestMixin, APIView):
    """`POST notifications/{id}/read`: one of them; it may be repeated."""

    @extend_schema(
        operation_id="read_notification",
        summary="Mark a notification as read",
        parameters=[openapi.path_id("notification_id", ID_PREFIX)],
        request=None,
        responses={200: NotificationRead},
    )
    def post(self, request: Request, notification_id: str) -> Response:
        pk = parse_prefixed_id(ID_PREFIX, notification_id, field="id")
        return _as_json(services.mark_read(_caller(request), pk))


class ReadAllView(RestMixin, APIView):
    """`POST notifications/read-all`: all that there are."""

    @extend_schema(
        operation_id="read_all_notifications",
        summary="Mark all notifications as read",
        request=None,
        responses={200: NotificationReadAll},
    )
    def post(self, request: Request) -> Response:
        return _as_json(services.mark_all_read(_caller(request)))


def _caller(request: Request) -> str:
    return user_id(request.user)  # type: ignore[arg-type]  # IsAuthenticated has checked


def _as_json(payload: msgspec.Struct) -> Response:
    body: Any = msgspec.to_builtins(payload)
    return Response(body)
