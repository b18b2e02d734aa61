"""REST for notifications: state, beside the events on the socket."""

from __future__ import annotations

from typing import Any

import msgspec
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from notifications import services
from notifications.events import ID_PREFIX, NotificationRead, NotificationReadAll
from notifications.models import Notification
from notifications.serializers import NotificationSerializer
from realtime.errors import invalid
from realtime.protocol import parse_prefixed_id
from realtime.rest import NewestFirst, RestMixin
from realtime.users import user_id

FLAGS = {"true": True, "1": True, "false": False, "0": False}


class UnreadCount(msgspec.Struct):
    """How many notifications are unread."""

    unread_count: int


@extend_schema(
    parameters=[OpenApiParameter("unread", {"type": "string", "enum": [*FLAGS]})],
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


class UnreadCountView(RestMixin, APIView):
    """`GET notifications/unread-count`."""

    @extend_schema(responses=UnreadCount)
    def get(self, request: Request) -> Response:
        return _as_json(UnreadCount(services.unread_count(_caller(request))))


class ReadView(RestMixin, APIView):
    """`POST notifications/{id}/read`."""

    @extend_schema(request=None, responses={200: NotificationRead})
    def post(self, request: Request, notification_id: str) -> Response:
        pk = parse_prefixed_id(ID_PREFIX, notification_id, field="id")
        return _as_json(services.mark_read(_caller(request), pk))


class ReadAllView(RestMixin, APIView):
    """`POST notifications/read-all`."""

    @extend_schema(request=None, responses={200: NotificationReadAll})
    def post(self, request: Request) -> Response:
        return _as_json(services.mark_all_read(_caller(request)))


def _caller(request: Request) -> str:
    return user_id(request.user)  # type: ignore[arg-type]  # IsAuthenticated has checked


def _as_json(payload: msgspec.Struct) -> Response:
    body: Any = msgspec.to_builtins(payload)
    return Response(body)
