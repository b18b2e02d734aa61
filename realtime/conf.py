"""The `REALTIME` setting: every option, its default, and the site's hooks.

    REALTIME = {"MAX_CONNECTIONS": 20, "DESCRIBE_USER": "shop.users.describe"}

Read options as `conf().MAX_CONNECTIONS`. Faults in the setting are reported by
the system checks in `realtime.checks`, not here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Annotated, Any, TypedDict

from django.conf import settings
from django.core.signals import setting_changed
from django.utils.module_loading import import_string
from msgspec import Meta

from realtime.protocol import UserId

# `manage.py check --tag realtime` runs our system checks alone.
CHECKS = "realtime"


def option(default: Any, help: str) -> Any:
    """A field of `Options`; `help` becomes its row in the settings table."""
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class Options:
    """The options of the `REALTIME` setting. Times are in seconds."""

    ALLOWED_ORIGINS: Sequence[str] | None = option(
        None,
        "Origins (`https://app.example.org`) whose pages may connect and call the API; "
        "`*` allows all. None: the same host only, and any origin with DEBUG.",
    )
    API_PREFIX: str = option("/api/", "The paths for which the middleware answers CORS.")
    SOCKET_URL: str = option(
        "/ws", "Where the admin's pages find the socket: a path of their own host, or a URL."
    )
    MAX_CONNECTIONS: int = option(10, "WebSockets one user may have open, over all nodes.")
    MAX_SUBSCRIPTIONS: int = option(200, "Channels one connection may be subscribed to.")
    MAX_WAITING_POLLS: int = option(
        10, "Polls of one user that may wait on one node; one more ends the oldest."
    )
    FRAMES_PER_SECOND: int = option(100, "Frames a second one connection may send.")
    FLOOD_SECONDS: float = option(
        10, "A connection over its frame limit for this long is closed with 4529."
    )
    POLLS_PER_MINUTE: int = option(30, "Polls (`poll` and `poll/missed`) a minute for one user.")
    POLL_TIMEOUT: float = option(30, "The longest that a poll may wait.")
    MAX_BUFFERED_BYTES: int = option(
        1024 * 1024, "Bytes that may wait for a slow client before it is closed with 4002."
    )
    SLOW_SECONDS: float = option(
        30, "A client that takes nothing of a replay for this long is closed with 4002."
    )
    RETENTION: float = option(24 * 3600, "How long events stay in the log.")
    PRUNE_INTERVAL: float = option(600, "How often a node prunes the log.")
    TAIL_INTERVAL: float = option(
        0.25, "How often a node looks at the log when nothing has woken it."
    )
    RELAY_BATCH: int = option(500, "Events that the relay numbers in one transaction.")
    RING_EVENTS: int = option(10_000, "Recent events that a node keeps in memory.")
    RING_BYTES: int = option(16 * 1024 * 1024, "Bytes of recent events that a node keeps.")
    LEASE_INTERVAL: float = option(5, "How often a node renews its lease.")
    LEASE_SECONDS: float = option(
        12, "A node that has not renewed its lease for this long is dead; its sessions end."
    )
    USER_CHECK_INTERVAL: float = option(
        30, "How often a node checks that its users are still active."
    )
    DRAIN_SECONDS: float = option(10, "On SIGTERM clients are sent away, spread over this long.")
    DATABASE_THREADS: int = option(
        4,
        "Threads, each with one database connection, that a process has for each of four kinds "
        "of work: the engine itself, handshakes and polls, clients' commands, apps' upkeep.",
    )
    METRICS_TOKEN: str = option(
        "", "What Prometheus sends to see `/metrics`. Without one, only with DEBUG."
    )
    CHANNEL_LAYER: str = option("default", "Alias of the channel layer for wake-up hints.")
    CACHE: str = option("default", "Alias of the cache that counts rate limits.")
    POLL_LEASE: float = option(
        45, "How long a poll counts its user as connected, from its beginning."
    )
    PRESENCE_GRACE: float = option(
        10, "How long after the last connection has gone a user is still shown as before."
    )
    PRESENCE_IDLE: float = option(
        300, "A connection without a frame other than heartbeats for this long is idle."
    )
    SENDS_PER_SECOND: int = option(100, "Requests to `send` a second for one user.")
    MAY_MESSAGE: str = option(
        "realtime.users.everyone_may",
        "Hook `(sender_id, recipient_id) -> bool`: may one write to the other?",
    )
    MAY_WATCH: str = option(
        "realtime.users.everyone_may",
        "Hook `(watcher_id, watched_id) -> bool`: may one see the other's presence? Once it "
        "is set, the channel `presence` of everybody is closed.",
    )
    DESCRIBE_USER: str = option(
        "realtime.users.describe_user",
        "Hook `(user) -> UserDescription`: what other users see of a user.",
    )
    USER_LANGUAGE: str = option(
        "realtime.users.site_language",
        "Hook `(user) -> str`: the code of the language in which a user reads notifications.",
    )
    REMIND_AFTER: float = option(
        0, "A notification unread for this long is given to `ON_UNREAD`, once. 0: never."
    )
    ON_UNREAD: str = option(
        "realtime.users.ignore",
        "Hook `(notification) -> None`, for an e-mail or a push; see `REMIND_AFTER`.",
    )


class UserDescription(TypedDict):
    """What others see of a user, as the hook `DESCRIBE_USER` gives it."""

    id: UserId
    username: Annotated[str, Meta(examples=["bob"])]
    display_name: Annotated[str, Meta(examples=["Bob Baker"])]
    avatar_url: Annotated[str, Meta(examples=["https://example.org/bob.png"])] | None


OPTION_NAMES = frozenset(option.name for option in fields(Options))
HOOK_NAMES = frozenset({"DESCRIBE_USER", "MAY_MESSAGE", "MAY_WATCH", "ON_UNREAD", "USER_LANGUAGE"})


@lru_cache(maxsize=1)
def conf() -> Options:
    """The options in force. Unknown names are left to the system checks."""
    given = getattr(settings, "REALTIME", {})
    if not isinstance(given, dict):
        given = {}
    return Options(**{name: value for name, value in given.items() if name in OPTION_NAMES})


@lru_cache(maxsize=len(HOOK_NAMES))
def hook(name: str) -> Callable[..., Any]:
    """The callable behind one of the hook options.

    Raises:
        ImportError: its dotted path leads nowhere.
    """
    target: Callable[..., Any] = import_string(getattr(conf(), name))
    return target


def _reset(*, setting: str, **kwargs: object) -> None:
    if setting == "REALTIME":
        conf.cache_clear()
        hook.cache_clear()


setting_changed.connect(_reset)
