"""System checks: whether the site serves the engine, by ASGI and under its URLs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse
from django.utils.module_loading import import_string

from realtime.conf import CHECKS, conf


@register(CHECKS)
def check_asgi(**kwargs: Any) -> list[CheckMessage]:
    """The site's ASGI application is there, and has the engine in it."""
    name = getattr(settings, "ASGI_APPLICATION", None)
    if not name:
        return [
            Error(
                "ASGI_APPLICATION is not set: nothing would serve WebSockets.",
                hint="Add to your settings: "
                f"ASGI_APPLICATION = {_project() + '.asgi.application'!r}",
                id="realtime.E005",
            )
        ]
    try:
        import_string(name)
    except Exception as error:  # whatever the site's own module raises
        return [
            Error(
                f"ASGI_APPLICATION is {name!r}, which cannot be loaded: {error!r}.",
                id="realtime.E011",
            )
        ]
    # It may be wrapped in middleware, or be built by the site from our parts: all that it
    # takes of ours is in this module.
    if "realtime.routing" in sys.modules:
        return []
    return [
        Warning(
            f"ASGI_APPLICATION is {name!r}, which does not serve the engine: WebSockets are "
            "refused, and each poll that waits keeps a thread.",
            hint=f"End {name.rpartition('.')[0].replace('.', '/')}.py with: from realtime.routing "
            "import realtime_application; application = "
            "realtime_application(get_asgi_application())",
            id="realtime.W006",
        )
    ]


def _project() -> str:
    return str(settings.ROOT_URLCONF).rpartition(".")[0] or "<your project>"


@register(CHECKS, Tags.urls)
def check_urls(**kwargs: Any) -> list[CheckMessage]:
    """The API and the health checks are mounted."""
    problems: list[CheckMessage] = []
    for name, line, id in (
        ("realtime:poll", 'path("api/v1/", include("realtime.urls"))', "realtime.W001"),
        ("readyz", 'path("", include("realtime.health"))', "realtime.W002"),
    ):
        try:
            reverse(name)
        except NoReverseMatch:
            problems.append(
                Warning(f"{name} has no URL.", hint=f"Add to your urlpatterns: {line}", id=id)
            )
    return problems or _check_api_prefix()


def _check_api_prefix() -> list[CheckMessage]:
    path, prefix = reverse("realtime:poll"), conf().API_PREFIX
    if path.startswith(prefix):
        return []
    above = path.removesuffix("realtime/poll")
    return [
        Warning(
            f"The API is at {above}, and REALTIME['API_PREFIX'] is {prefix!r}: pages of other "
            "origins cannot call it.",
            hint=f"Set REALTIME = {{'API_PREFIX': {above!r}}}.",
            id="realtime.W008",
        )
    ]


def check_of_urls(app: str) -> Callable[..., list[CheckMessage]]:
    """The check that the URLs of `app` are included, under whatever prefix and namespace."""

    def check(**kwargs: Any) -> list[CheckMessage]:
        if f"{app}.urls" in _included(get_resolver().url_patterns):
            return []
        return [
            Warning(
                f"{app}.urls is not included: its REST API has no URLs.",
                hint=f'Add to your urlpatterns: path("api/v1/", include("{app}.urls"))',
                id=f"{app}.W001",
            )
        ]

    return check


def _included(patterns: Iterable[URLPattern | URLResolver]) -> set[str]:
    """The names of the modules that `patterns` include, those in these, and so on."""
    names = set()
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            names.add(getattr(pattern.urlconf_module, "__name__", ""))
            names |= _included(pattern.url_patterns)
    return names
