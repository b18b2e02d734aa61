"""How long to wait: the intervals of a client, its back-off, and its pace.

No clock is read here: times come in as arguments, in seconds of any one clock.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

Jitter = Callable[[float, float], float]


@dataclass(frozen=True)
class Timing:
    """The intervals of a client, in seconds. The defaults are those of the API reference.

    Attributes:
        delays: the pauses before attempts to connect; the last one is for all later ones.
        attempts: how many attempts fail before the client polls.
        socket_retry: how often a client that polls tries to open a socket.
        open_timeout: how long opening a connection may take.
        heartbeat: how often the server is asked whether it is there.
        heartbeat_timeout: how long it may say nothing at all after that.
        poll: how long a poll waits for an event; the server has 30 at most.
    """

    delays: tuple[float, ...] = (1, 2, 4, 8, 16, 30)
    attempts: int = 10
    socket_retry: float = 30
    open_timeout: float = 10
    heartbeat: float = 25
    heartbeat_timeout: float = 10
    poll: float = 25


class Backoff:
    """Pauses between attempts that fail: longer each time, and different for each client.

    Args:
        delays: see `Timing`.
        jitter: a random number between two, for tests.
    """

    def __init__(self, delays: tuple[float, ...], *, jitter: Jitter = random.uniform) -> None:
        self.failures = 0
        self._delays = delays
        self._jitter = jitter

    def next(self, told: float | None = None) -> float:
        """Count a failure; the seconds to wait after it.

        Args:
            told: how long the server has said to wait; then it is no less.
        """
        delay = self._delays[min(self.failures, len(self._delays) - 1)]
        self.failures += 1
        return max(self._jitter(delay / 2, delay), told or 0.0)

    def reset(self) -> None:
        """It has worked."""
        self.failures = 0


class Pace:
    """A limit on how often something is done: `burst` at once, then one in each `interval`.

    In any stretch of time t it is done at most `burst + t / interval` times.
    """

    def __init__(self, burst: int, interval: float) -> None:
        self._burst = burst
        self._interval = interval
        self._free_at = float("-inf")

    def delay(self, now: float) -> float:
        """The seconds until it may be done again."""
        return max(0.0, self._free_at - now - (self._burst - 1) * self._interval)

    def count(self, now: float) -> None:
        """It is done now."""
        self._free_at = max(self._free_at, now) + self._interval
