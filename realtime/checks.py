"""System checks: what a site left out when it put the apps in, and the line to add."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from sqlite3 import sqlite_version_info
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.utils.module_loading import import_string

from realtime import hints
from realtime.conf import CHECKS, HOOK_NAMES, OPTION_NAMES, conf

AT_LEAST_ONE = ("RELAY_BATCH", "MAX_WAITING_POLLS", "DATABASE_THREADS", "RING_EVENTS")
SHORTEST_KEY_BYTES = 32  # RFC 7518, section 3.2, for HS256


@register(CHECKS)
def check_setting(**kwargs: Any) -> list[CheckMessage]:
    """The REALTIME setting: a dict of known options with usable values."""
    given = getattr(settings, "REALTIME", {})
    if not isinstance(given, dict):
        return [Error("REALTIME must be a dict of options.", id="realtime.E001")]
    problems: list[CheckMessage] = [
        Error(
            f"REALTIME has no option {name!r}.",
            hint=f"The options are: {', '.join(sorted(OPTION_NAMES))}.",
            id="realtime.E002",
        )
        for name in sorted(set(given) - OPTION_NAMES)
    ]
    problems += _unusable_hooks() + _unusable_numbers(given)
    if isinstance(given.get("ALLOWED_ORIGINS"), str):
        problems.append(
            Error(
                "REALTIME['ALLOWED_ORIGINS'] must be a list.",
                hint=f"Write [{given['ALLOWED_ORIGINS']!r}].",
                id="realtime.E008",
            )
        )
    return problems


def _unusable_hooks() -> list[CheckMessage]:
    problems: list[CheckMessage] = []
    for name in sorted(HOOK_NAMES):
        path = getattr(conf(), name)
        try:
            usable = callable(import_string(path))
        except ImportError:
            usable = False
        if not usable:
            problems.append(
                Error(
                    f"REALTIME[{name!r}] is {path!r}, which cannot be imported and called.",
                    hint="Give the dotted path of a function.",
                    id="realtime.E003",
                )
            )
    return problems


def _unusable_numbers(given: dict[str, Any]) -> list[CheckMessage]:
    problems: list[CheckMessage] = []
    for name, value in given.items():
        default = getattr(type(conf()), name, None)
        if isinstance(default, int | float) and (
            isinstance(value, bool) or not isinstance(value, int | float) or value < 0
        ):
            problems.append(
                Error(
                    f"REALTIME[{name!r}] must be a number of at least 0, not {value!r}.",
                    id="realtime.E004",
                )
            )
    problems += [
        Error(f"REALTIME[{name!r}] must be at least 1.", id="realtime.E004")
        for name in AT_LEAST_ONE
        if given.get(name) == 0
    ]
    return problems


@register(CHECKS)
def check_installed(**kwargs: Any) -> list[CheckMessage]:
    """What must stand beside the engine in the settings."""
    problems: list[CheckMessage] = []
    if not settings.USE_TZ:
        problems.append(
            Error(
                "USE_TZ is off: the protocol's times are in UTC.",
                hint="Set USE_TZ = True.",
                id="realtime.E007",
            )
        )
    if conf().CACHE not in settings.CACHES:
        problems.append(
            Error(
                f"REALTIME['CACHE'] is {conf().CACHE!r}, which is not in CACHES.",
                id="realtime.E006",
            )
        )
    return problems


@register(CHECKS)
def check_drivers(**kwargs: Any) -> list[CheckMessage]:
    """PostgreSQL by psycopg 3 (COPY), SQLite from 3.35 on (RETURNING)."""
    problems: list[CheckMessage] = []
    for alias, database in settings.DATABASES.items():
        engine = database.get("ENGINE", "")
        if engine.endswith(("postgresql", "postgis")) and find_spec("psycopg") is None:
            problems.append(
                Error(
                    f"DATABASES[{alias!r}] is PostgreSQL without psycopg 3.",
                    hint="pip install 'psycopg[binary]'; Django takes it before psycopg2.",
                    id="realtime.E009",
                )
            )
        if engine.endswith(("sqlite3", "spatialite")) and sqlite_version_info < (3, 35):
            problems.append(
                Error(
                    f"DATABASES[{alias!r}] is SQLite {'.'.join(map(str, sqlite_version_info))}.",
                    hint="SQLite 3.35 or newer is needed: a newer Python, or PostgreSQL.",
                    id="realtime.E010",
                )
            )
    return problems


@register(CHECKS, Tags.database)
def check_database(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """SQLite has to begin transactions with the write lock, or they fail under load."""
    return [
        Warning(
            f"DATABASES[{alias!r}] is SQLite with deferred transactions: one that reads before "
            "it writes fails as soon as another writes.",
            hint="Add 'OPTIONS': {'transaction_mode': 'IMMEDIATE', 'timeout': 20, "
            "'init_command': 'PRAGMA journal_mode=WAL;'}.",
            id="realtime.W003",
        )
        for alias in databases or []
        if settings.DATABASES[alias]["ENGINE"].endswith("sqlite3")
        and settings.DATABASES[alias].get("OPTIONS", {}).get("transaction_mode") != "IMMEDIATE"
    ]


@register(CHECKS)
def check_channel_layer(**kwargs: Any) -> list[CheckMessage]:
    """The layer that the engine is to use can be loaded, and waits long enough."""
    alias, layers = conf().CHANNEL_LAYER, getattr(settings, "CHANNEL_LAYERS", {})
    if alias not in layers:
        # Without any the engine looks by the clock; one that was named has to be there.
        return [] if alias == "default" else [_no_layer(alias, "is not in CHANNEL_LAYERS")]
    layer = layers[alias]
    try:
        import_string(layer.get("BACKEND", ""))
    except ImportError as error:
        return [_no_layer(alias, f"cannot be loaded: {error}")]
    if not layer["BACKEND"].startswith("channels_redis.core."):
        return []
    hosts = layer.get("CONFIG", {}).get("hosts", [None])
    if all(isinstance(host, dict) and "socket_timeout" in host for host in hosts):
        return []
    return [
        Warning(
            # redis-py 8 gives up reading after 5 s, just when the layer's wait ends.
            "The channel layer's hosts have no socket_timeout: with redis-py 8 every wait of "
            "5 s ends in an error, and hints and signals are lost meanwhile.",
            hint="Give each host as {'address': 'redis://...', 'socket_timeout': 15}.",
            id="realtime.W005",
        )
    ]


def _no_layer(alias: str, what: str) -> CheckMessage:
    return Error(
        f"The channel layer {alias!r} {what}.",
        hint="CHANNEL_LAYERS has to have what REALTIME['CHANNEL_LAYER'] names (default: "
        "'default'). For Redis: pip install 'socialhub-realtime[redis]'.",
        id="realtime.E012",
    )


@register(CHECKS, deploy=True)
def check_processes(**kwargs: Any) -> list[CheckMessage]:
    """Several processes, as WSGI beside ASGI, do better with a layer that they share."""
    if check_channel_layer() or hints.shared_layer() is not None:
        return []
    return [
        Warning(
            "No channel layer is shared by processes: what one writes reaches the clients of "
            f"another up to {2 * conf().TAIL_INTERVAL} s later, and typing not at all.",
            hint="Add CHANNEL_LAYERS = {'default': {'BACKEND': "
            "'channels_redis.core.RedisChannelLayer', 'CONFIG': {'hosts': "
            "[{'address': 'redis://127.0.0.1:6379/0', 'socket_timeout': 15}]}}}, or silence "
            "this where one process does everything.",
            id="realtime.W007",
        )
    ]


@register(CHECKS, Tags.security, deploy=True)
def check_signing_key(**kwargs: Any) -> list[CheckMessage]:
    """Tokens are only as good as the key that signs them."""
    from rest_framework_simplejwt.settings import api_settings

    key = api_settings.SIGNING_KEY
    if api_settings.ALGORITHM.startswith("HS") and len(str(key).encode()) < SHORTEST_KEY_BYTES:
        return [
            Warning(
                f"The key that signs tokens is shorter than {SHORTEST_KEY_BYTES} bytes.",
                hint="Set JWT_SIGNING_KEY, or SIMPLE_JWT['SIGNING_KEY'], to a longer one.",
                id="realtime.W004",
            )
        ]
    return []
