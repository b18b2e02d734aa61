"""Counting polls while the cache fails: no request waits for it a second time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.locmem import LocMemCache

from realtime import throttling
from tests.clients import PATIENCE, open_poller
from tests.servers import Address


class FailingCache(LocMemCache):
    """A cache of several servers; it fails where it is told to, and counts who asks."""

    asked = 0
    connected = 0
    failing = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        type(self).connected += 1
        super().__init__(*args, **kwargs)

    def get(self, *args: Any, **kwargs: Any) -> Any:
        type(self).asked += 1
        if self.failing:
            raise ConnectionError("no answer")
        return super().get(*args, **kwargs)


@pytest.fixture
def cache(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FailingCache]]:
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.FailingCache"}}
    # A local cache is never asked: this one stands for one that servers share.
    monkeypatch.setattr(throttling, "LocMemCache", type("Other", (LocMemCache,), {}))
    monkeypatch.setattr(throttling, "_broken_until", 0.0)
    monkeypatch.setattr(throttling, "_idle", [])
    FailingCache.asked, FailingCache.failing, FailingCache.connected = 0, True, 0
    yield FailingCache
    throttling._broken_until = 0.0


def test_one_request_finds_that_the_cache_fails_and_the_others_do_not_ask_it(
    cache: type[FailingCache],
) -> None:
    remaining = [throttling.count_poll("user:1").remaining for _ in range(3)]
    assert cache.asked == 1
    assert remaining[0] - remaining[2] == 2, "they are counted here meanwhile"


def test_the_node_asks_for_them_and_they_use_it_when_it_works_again(
    cache: type[FailingCache],
) -> None:
    throttling.count_poll("user:1")
    throttling.probe_cache()
    assert cache.asked == 2
    throttling.count_poll("user:1")
    assert cache.asked == 2
    cache.failing = False
    throttling.probe_cache()
    throttling.count_poll("user:1")
    assert cache.asked > 3


def test_a_cache_that_works_is_not_probed(cache: type[FailingCache]) -> None:
    cache.failing = False
    throttling.count_poll("user:1")
    asked = cache.asked
    throttling.probe_cache()
    assert cache.asked == asked


async def test_polls_do_not_connect_to_the_cache_one_by_one(
    cache: type[FailingCache], server: Address, alice: Any
) -> None:
    cache.failing = False
    async with open_poller(server, alice) as poller:
        for _ in range(10):
            await poller.poll(timeout=0)
    assert cache.connected == 1
    assert cache.asked >= 10


def test_threads_that_count_at_once_do_not_share_what_may_not_be_shared(
    cache: type[FailingCache], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache's client is one thread's, as Django has it."""
    cache.failing = False
    both, used = threading.Barrier(2, timeout=PATIENCE), []
    count = throttling._count

    def together(client: BaseCache, *arguments: Any) -> tuple[int, int]:
        both.wait()
        used.append(client)
        both.wait()
        return count(client, *arguments)

    monkeypatch.setattr(throttling, "_count", together)
    with ThreadPoolExecutor() as threads:
        for user in ("user:1", "user:2"):
            threads.submit(throttling.count_poll, user)
    assert len(used) == len(set(map(id, used))) == 2
    assert len(throttling._idle) == 2
