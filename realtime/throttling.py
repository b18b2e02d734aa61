"""Rate limits: frames on one connection, polls of one user.

Frames are counted in memory; a connection lives on one node. Polls are counted
in the cache with atomic increments, so that nodes which share one agree exactly.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.locmem import LocMemCache

from realtime.conf import conf

logger = logging.getLogger("realtime.throttling")

POLL_WINDOW = 60
SEND_WINDOW = 1
BROKEN_SECONDS = 5.0


class FrameLimit:
    """So many frames in each second, counted from the first of them.

    Attributes:
        flooding: the limit has been exceeded for as long as is tolerated.
    """

    __slots__ = ("_count", "_flood_seconds", "_flooding_since", "_limit", "_opened", "flooding")

    def __init__(self, limit: int, flood_seconds: float) -> None:
        self.flooding = False
        self._limit = limit
        self._flood_seconds = flood_seconds
        self._opened = 0.0
        self._count = 0
        self._flooding_since: float | None = None

    def hit(self, now: float) -> float | None:
        """Count a frame; the seconds to wait if it is one too many.

        Args:
            now: the time in seconds, by a monotonic clock.
        """
        if now >= self._opened + 1:
            # A quiet second, or one within the limit, ends a flood.
            if self._count <= self._limit or now >= self._opened + 2:
                self._flooding_since = None
            self._opened, self._count = now, 0
        self._count += 1
        if self._count <= self._limit:
            return None
        if self._flooding_since is None:
            self._flooding_since = now
        self.flooding = now - self._flooding_since >= self._flood_seconds
        return max(0.001, round(self._opened + 1 - now, 3))


@dataclass(frozen=True, slots=True)
class Allowance:
    """Where one client stands with its limit, as `X-RateLimit-*` says it.

    Attributes:
        limit: requests in a window.
        remaining: how many of them are left.
        reset: when the window ends, in Unix seconds.
        exceeded: this request was one too many.
    """

    limit: int
    remaining: int
    reset: int
    exceeded: bool

    @property
    def retry_after(self) -> int:
        """Whole seconds until a new window begins."""
        return max(1, self.reset - int(time.time()))

    def headers(self) -> dict[str, str]:
        headers = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset),
        }
        if self.exceeded:
            headers["Retry-After"] = str(self.retry_after)
        return headers


# Counts of this process alone: where the site's cache is local, or cannot be
# reached. Django's default of 300 entries would forget most users.
local_counts = LocMemCache("realtime.throttling", {"OPTIONS": {"MAX_ENTRIES": 200_000}})
_broken_until = 0.0
# Of the site's cache, as many as were ever used at once.
_idle: list[BaseCache] = []


def count_poll(client: str) -> Allowance:
    """Count one poll of `client` in its window of 60 s from the first request.

    Args:
        client: who is counted: a user or an address.
    """
    return _allow("polls", client, conf().POLLS_PER_MINUTE, POLL_WINDOW)


def count_send(client: str) -> Allowance:
    """Count one request to `send` of `client` in its window of one second."""
    return _allow("sends", client, conf().SENDS_PER_SECOND, SEND_WINDOW)


def _allow(kind: str, client: str, limit: int, window: int) -> Allowance:
    # Hashed: cache keys may not hold every character that a client can choose.
    key = f"realtime:{kind}:{hashlib.sha256(client.encode()).hexdigest()[:32]}"
    count, reset = _count_shared(key, window) or _count(local_counts, key, window)
    return Allowance(limit, max(0, limit - count), reset, exceeded=count > limit)


def _count_shared(key: str, window: int) -> tuple[int, int] | None:
    """Count in the site's cache; None where there is none that nodes share now."""
    global _broken_until
    if time.monotonic() < _broken_until:
        return None
    try:
        with _shared_cache() as cache:
            return None if isinstance(cache, LocMemCache) else _count(cache, key, window)
    except Exception as error:
        # Asking a dead Redis again for every poll would make them all wait for it.
        if not _broken_until:
            logger.warning("The cache fails, counting polls on this node only: %r", error)
        _broken_until = time.monotonic() + BROKEN_SECONDS
        return None


@contextmanager
def _shared_cache() -> Iterator[BaseCache]:
    """The site's cache, for this thread alone until the end of the block.

    Kept afterwards. What `caches[…]` gives would be this one request's, as it belongs to the
    context that a request's jobs run in: it would connect to the cache for each poll.
    """
    try:
        cache = _idle.pop()
    except IndexError:
        cache = caches.create_connection(conf().CACHE)
    try:
        yield cache
    finally:
        _idle.append(cache)


def probe_cache() -> None:
    """While the cache fails, ask it again, so that no request has to.

    Called by the node, in a thread that may wait.
    """
    global _broken_until
    if time.monotonic() >= _broken_until:
        return
    try:
        with _shared_cache() as cache:
            cache.get("realtime:probe")
    except Exception:
        _broken_until = time.monotonic() + BROKEN_SECONDS
    else:
        _broken_until = 0.0
        logger.info("The cache works again")


def _count(cache: BaseCache, key: str, window: int) -> tuple[int, int]:
    """One more request in the current window: its number, and the window's end."""
    now = int(time.time())
    reset = cache.get_or_set(key, now + window, window)
    if reset is None or reset <= now:
        reset = now + window
        cache.set(key, reset, window)
    # A counter of its own for each window: nothing has to be reset.
    counter = f"{key}:{reset}"
    cache.add(counter, 0, window * 2)
    return cache.incr(counter), int(reset)
