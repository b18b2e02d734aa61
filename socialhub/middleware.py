"""What the sample site sends with every page."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase


def _policy(styles: str) -> str:
    """Scripts, sockets and polls of our own only, none written into a page."""
    return "; ".join(
        (
            "default-src 'self'",
            "img-src 'self' data:",
            f"style-src {styles}",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


# Swagger sets styles, and its pictures come as data; the site's own pages do neither.
POLICY = _policy("'self' 'unsafe-inline'")
STRICT_POLICY = _policy("'self'")


def content_security_policy(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Say in every response which sources a browser may load from (CSP level 3)."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response

    return middleware


def strict_policy(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """A view of a page that has no styles written into it either."""

    @wraps(view)
    def strict_view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        response.headers["Content-Security-Policy"] = STRICT_POLICY
        return response

    return strict_view
