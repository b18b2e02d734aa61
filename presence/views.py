"""REST for presence: state, beside the events on the socket."""

from __future__ import annotations

from typing import Any

import msgspec
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from presence import services
from presence.events import PresenceList, PresenceRequest
from realtime.errors import invalid
from realtime.protocol import convert
from realtime.rest import RestMixin
from realtime.users import parse_user_id, user_id

MAX_IDS = 200


class PresenceListView(RestMixin, APIView):
    """`GET presence?user_ids=1,2`: those of them that exist and may be watched."""

    def get(self, request: Request) -> Response:
        me = _caller(request)
        found = services.statuses(_ids(request.query_params.get("user_ids", "")))
        watchable = [payload for payload in found if services.may_watch(me, payload.user_id)]
        return _as_json(PresenceList(watchable))


class OwnPresenceView(RestMixin, APIView):
    """`presence/me`: `GET` one's own, `POST` or `PUT` to set the status."""

    def get(self, request: Request) -> Response:
        return _as_json(services.statuses([_caller(request)])[0])

    def post(self, request: Request) -> Response:
        wanted = convert(request.data, PresenceRequest)
        return _as_json(services.set_status(_caller(request), wanted.status))

    put = post


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
