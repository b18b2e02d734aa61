"""REST for presence: state, beside the events on the socket."""

from __future__ import annotations

from typing import Any

import msgspec
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from presence import services
from presence.events import PresenceList, PresencePayload, PresenceRequest
from realtime.errors import invalid
from realtime.protocol import convert
from realtime.rest import RestMixin
from realtime.users import parse_user_id, user_id

MAX_IDS = 200

SET_STATUS: dict[str, Any] = {
    "summary": "Set one's own status",
    "request": PresenceRequest,
    "responses": {200: PresencePayload},
}


class PresenceListView(RestMixin, APIView):
    """`GET presence?user_ids=1,2`."""

    @extend_schema(
        operation_id="list_presences",
        summary="Look up who is online",
        parameters=[
            OpenApiParameter(
                "user_ids",
                {"type": "string", "examples": ["1,2"]},
                required=True,
                description=f"Up to {MAX_IDS} users' ids with commas between them",
            )
        ],
        responses=PresenceList,
    )
    def get(self, request: Request) -> Response:
        """Those of them that exist and may be watched."""
        me = _caller(request)
        found = services.statuses(_ids(request.query_params.get("user_ids", "")))
        watchable = [payload for payload in found if services.may_watch(me, payload.user_id)]
        return _as_json(PresenceList(watchable))


class OwnPresenceView(RestMixin, APIView):
    """`presence/me`: `GET` one's own, `POST` or `PUT` to set the status."""

    @extend_schema(
        operation_id="get_own_presence", summary="Get one's own status", responses=PresencePayload
    )
    def get(self, request: Request) -> Response:
        """As others see it now."""
        return _as_json(services.statuses([_caller(request)])[0])

    @extend_schema(operation_id="post_own_presence", **SET_STATUS)
    def post(self, request: Request) -> Response:
        """`busy` holds until another is set, `away` also ends when the user goes offline."""
        return self._set(request)

    @extend_schema(operation_id="put_own_presence", **SET_STATUS)
    def put(self, request: Request) -> Response:
        """The same as `POST`."""
        return self._set(request)

    def _set(self, request: Request) -> Response:
        wanted = convert(request.data, PresenceRequest)
        return _as_json(services.set_status(_caller(request), wanted.status))


def _ids(text: str) -> list[str]:
    ids = [part.strip() for part in text.split(",") if part.strip()]
    if not ids:
        raise invalid("user_ids is required: ids with commas between them", field="user_ids")
    if len(ids) > MAX_IDS:
        raise invalid(f"At most {MAX_IDS} user_ids", field="user_ids")
    try:
        return [str(parse_user_id(part)) for part in ids]
    except ValueError as error:
        raise invalid(f"user_ids: {error}", field="user_ids") from None


def _caller(request: Request) -> str:
    return user_id(request.user)  # type: ignore[arg-type]  # IsAuthenticated has checked


def _as_json(payload: msgspec.Struct) -> Response:
    body: Any = msgspec.to_builtins(payload)
    return Response(body)
