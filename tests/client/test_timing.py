"""Back-off, pace, and when tokens are renewed: by no clock but the numbers here."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.client import Client, Timing
from realtime.client.timing import Backoff, Pace
from realtime.client.tokens import Claims, Tokens, read_claims, renewal_delay
from tests.people import signed


def longest(low: float, high: float) -> float:
    return high


def shortest(low: float, high: float) -> float:
    return low


def test_pauses_are_those_of_the_api_reference() -> None:
    backoff = Backoff(Timing().delays, jitter=longest)
    assert [backoff.next() for _ in range(8)] == [1, 2, 4, 8, 16, 30, 30, 30]
    assert Timing().attempts == 10


def test_jitter_takes_at_most_half_of_a_pause() -> None:
    backoff = Backoff(Timing().delays, jitter=shortest)
    assert [backoff.next() for _ in range(6)] == [0.5, 1, 2, 4, 8, 15]
    assert len({Backoff((30,)).next() for _ in range(20)}) > 1


def test_after_a_success_pauses_begin_anew() -> None:
    backoff = Backoff(Timing().delays, jitter=longest)
    for _ in range(4):
        backoff.next()
    assert backoff.failures == 4
    backoff.reset()
    assert (backoff.failures, backoff.next()) == (0, 1)


def test_who_is_told_to_wait_waits_no_less() -> None:
    backoff = Backoff(Timing().delays, jitter=longest)
    assert [backoff.next(10), backoff.next(1), backoff.next()] == [10, 2, 4]


def test_polls_are_thirty_in_a_minute() -> None:
    from realtime.client.polling import BURST, POLL_INTERVAL

    assert done_by(Pace(BURST, POLL_INTERVAL), 60) <= 30


def test_frames_are_fewer_than_a_hundred_in_a_second() -> None:
    from realtime.client.socket import BURST, FRAME_INTERVAL

    assert done_by(Pace(BURST, FRAME_INTERVAL), 1) < 100


def done_by(pace: Pace, seconds: float) -> int:
    """How often it is done in that time by who never rests."""
    now, count = 1000.0, 0
    while (now := now + pace.delay(now)) < 1000.0 + seconds:
        pace.count(now)
        count += 1
    return count


@given(st.lists(st.floats(0, 10), max_size=100), st.integers(1, 10), st.floats(0.1, 5))
def test_no_stretch_of_time_has_more_than_the_pace_allows(
    rests: list[float], burst: int, interval: float
) -> None:
    pace, now, times = Pace(burst, interval), 0.0, []
    for rest in rests:
        now += rest
        now += pace.delay(now)
        pace.count(now)
        times.append(now)
    for first, begin in enumerate(times):
        for last in range(first, len(times)):
            allowed = burst + (times[last] - begin) / interval
            assert last - first + 1 <= allowed + 1e-6


def test_a_token_is_renewed_a_minute_before_its_end() -> None:
    assert renewal_delay(expires_at=4600, now=1000) == 3540


def test_a_short_lived_token_is_renewed_in_the_last_third() -> None:
    assert renewal_delay(expires_at=1030, now=1000) == 20


@pytest.mark.parametrize("expires_at", [1001, 1000, 0])
def test_a_token_at_its_end_is_not_renewed_all_the_time(expires_at: float) -> None:
    assert renewal_delay(expires_at, now=1000) == 1


def test_the_end_of_a_token_is_read_from_it() -> None:
    token = signed({"user_id": 1, "exp": 2_000_000_000})
    assert read_claims(token) == Claims(exp=2_000_000_000, user_id=1)


@pytest.mark.parametrize("token", ["", "opaque", "a.b.c", "a.e30.c", "a.bm9uc2Vuc2U.c", "ü.ü.ü"])
def test_a_token_that_does_not_say_when_it_ends_has_no_end(token: str) -> None:
    assert read_claims(token) == Claims()


async def test_a_token_ends_by_the_server_s_clock() -> None:
    tokens = Tokens(signed({"user_id": "1", "exp": int(time.time()) + 300}), None)
    assert tokens.expires_at is None  # the server has not taken it
    tokens.accepted()
    before = tokens.expires_at
    assert before is not None
    tokens.server_says(datetime.now(UTC) + timedelta(seconds=1))
    assert tokens.expires_at == before
    tokens.server_says(datetime.now(UTC) - timedelta(hours=1))
    assert tokens.expires_at == pytest.approx(before + 3600, abs=1)


async def test_a_token_is_asked_for_once_however_many_need_it() -> None:
    asked = 0

    async def get_token() -> str:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        return str(asked)

    tokens = Tokens(None, get_token)
    assert await asyncio.gather(*(tokens.current() for _ in range(5))) == ["1"] * 5
    assert await asyncio.gather(*(tokens.renew() for _ in range(5))) == ["2"] * 5


def test_without_a_token_or_a_way_to_get_one_there_is_no_client() -> None:
    with pytest.raises(ValueError, match="get_token"):
        Client("http://localhost")


@pytest.mark.parametrize("url", ["localhost:8082", "ws://localhost", ""])
def test_an_address_that_is_no_site_s_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="http"):
        Client(url, token="x")
