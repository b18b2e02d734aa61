"""CORS for the API, by the same ALLOWED_ORIGINS as the socket's Origin check.

Sites that answer CORS for these paths themselves leave it out of MIDDLEWARE.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.decorators import sync_and_async_middleware

from realtime.conf import conf
from realtime.origins import is_allowed

EXPOSED = "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After"
METHODS = "GET, POST, PUT, PATCH, DELETE, OPTIONS"
HEADERS = "authorization, content-type"
PREFLIGHT_SECONDS = "600"

Handler = Callable[[HttpRequest], HttpResponseBase]
AsyncHandler = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


@sync_and_async_middleware
def cors(get_response: Handler | AsyncHandler) -> Handler | AsyncHandler:
    """Answer preflights and add CORS headers (Fetch standard, CORS protocol)."""
    if iscoroutinefunction(get_response):

        async def async_middleware(request: HttpRequest) -> HttpResponseBase:
            return _finish(request, _preflight(request) or await get_response(request))

        return async_middleware

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = _preflight(request) or get_response(request)
        assert isinstance(response, HttpResponseBase)
        return _finish(request, response)

    return middleware


def _preflight(request: HttpRequest) -> HttpResponse | None:
    wanted = request.headers.get("access-control-request-method")
    if request.method != "OPTIONS" or not wanted or not _is_ours(request):
        return None
    response = HttpResponse(status=204)
    response["Access-Control-Allow-Methods"] = METHODS
    response["Access-Control-Allow-Headers"] = HEADERS
    response["Access-Control-Max-Age"] = PREFLIGHT_SECONDS
    return response


def _finish(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    if not _is_ours(request):
        return response
    patch_vary_headers(response, ["Origin"])
    origin = request.headers.get("origin", "")
    # Without this one header a browser gives the response to nobody.
    if origin and is_allowed(origin, request.headers.get("host", "")):
        response["Access-Control-Allow-Origin"] = origin
        response["Access-Control-Expose-Headers"] = EXPOSED
    return response


def _is_ours(request: HttpRequest) -> bool:
    return request.path.startswith(conf().API_PREFIX)
