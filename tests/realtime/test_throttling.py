"""Counting polls while the cache fails: no request waits for it a second time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache.backends.locmem import LocMemCache

from realtime import throttling


class FailingCache(LocMemCache):
    """A cache of several servers; it fails where it is told to, and counts who asks."""

    asked = 0
    failing = True

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
    FailingCache.asked, FailingCache.failing = 0, True
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
