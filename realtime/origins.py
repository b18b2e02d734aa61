"""Which web pages may use the service, and under which host names it answers.

One rule for the socket and for HTTP each.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from realtime.conf import conf

# What Django allows with DEBUG and without ALLOWED_HOSTS.
LOCAL_HOSTS = [".localhost", "127.0.0.1", "[::1]"]
DEFAULT_PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443"}


def is_allowed(origin: str, host: str) -> bool:
    """Whether a page of `origin` may talk to us, who were addressed as `host`.

    No Origin header means that it is not a browser, which is fine: tokens, not
    cookies, say who somebody is.

    Args:
        origin: the Origin header (RFC 6454), or an empty text.
        host: the Host header.
    """
    if not origin:
        return True
    allowed = conf().ALLOWED_ORIGINS
    if allowed is None:
        return settings.DEBUG or _same_host(origin, host)
    return "*" in allowed or origin.lower() in {entry.lower() for entry in allowed}


def host_is_allowed(host: str) -> bool:
    """Whether the site answers under this name, by Django's `ALLOWED_HOSTS`.

    Args:
        host: the Host header, perhaps with a port.
    """
    allowed = settings.ALLOWED_HOSTS
    if settings.DEBUG and not allowed:
        allowed = LOCAL_HOSTS
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, allowed)


def _same_host(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
        port = str(parts.port or DEFAULT_PORTS.get(parts.scheme, ""))
    except ValueError:
        return False
    name, colon, given = host.rpartition(":")
    if not colon or "]" in given:
        name, given = host, DEFAULT_PORTS.get(parts.scheme, "")
    return (parts.hostname or "") == name.strip("[]").lower() and port == given
