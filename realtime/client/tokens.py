"""The token: where it comes from, and when another one is needed."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime

import msgspec

from realtime.client.errors import AuthenticationError, ClientEndedError
from realtime.client.refusals import UnavailableError

logger = logging.getLogger("realtime.client")

GetToken = Callable[[], Awaitable[str]]

# A token is renewed so long before its end, or in the last third of a short life.
LEAD_SECONDS = 60.0
# A callback that gives the same old token again is not asked all the time.
SHORTEST_DELAY = 1.0


# By how many seconds clocks may differ without being called different.
CLOCK_TOLERANCE = 2.0


class Claims(msgspec.Struct):
    """What a token says of itself; what it does not say is None."""

    exp: float | None = None
    user_id: str | int | None = None


def read_claims(token: str) -> Claims:
    """The claims of a JWT. Whether they are true is for the server to judge."""
    parts = token.split(".")
    if len(parts) != 3:
        return Claims()
    padded = parts[1] + "=" * (-len(parts[1]) % 4)
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(padded), type=Claims)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        return Claims()


def renewal_delay(expires_at: float, now: float) -> float:
    """The seconds until a token should be renewed.

    Args:
        expires_at: when it ends.
        now: the time, by the same clock.
    """
    left = expires_at - now
    return max(SHORTEST_DELAY, left - min(LEAD_SECONDS, left / 3))


class Tokens:
    """The client's token.

    Args:
        token: the first one; without one `get_token` is asked.
        get_token: gives another one when that is needed.

    Raises:
        ValueError: there is neither.
    """

    def __init__(self, token: str | None, get_token: GetToken | None) -> None:
        if token is None and get_token is None:
            raise ValueError("Give a token, or get_token")
        self._token = token
        self._get_token = get_token
        self._accepted: str | None = None
        self._ahead = 0.0
        # A fresh token that is refused is the callback's last word.
        self._fresh = False
        self._lock = asyncio.Lock()

    @property
    def renewable(self) -> bool:
        """Whether there may be another one."""
        return self._get_token is not None

    @property
    def expires_at(self) -> float | None:
        """When the token ends that the server has, in Unix seconds by the clock here."""
        return self._end_of(self._accepted)

    @property
    def user_id(self) -> str | None:
        """Whose the token is that the server has, as it says itself."""
        user = read_claims(self._accepted or "").user_id
        return None if user is None else str(user)

    def _end_of(self, token: str | None) -> float | None:
        ends = read_claims(token).exp if token is not None else None
        return None if ends is None else ends - self._ahead

    def server_says(self, now: datetime) -> None:
        """The server's clock, by which tokens end."""
        ahead = now.timestamp() - time.time()
        if abs(ahead - self._ahead) > CLOCK_TOLERANCE:
            self._ahead = ahead

    async def current(self) -> str:
        """The token to use now, renewed if it has ended.

        Raises:
            AuthenticationError: the callback says that there is none.
            UnavailableError: the callback has failed otherwise.
        """
        ends = self._end_of(self._token)
        ended = self._token is None or (ends is not None and ends <= time.time())
        if ended and self.renewable:
            return await self.renew()
        assert self._token is not None
        return self._token

    async def renew(self) -> str:
        """Another token than now; asked for once, however many need it at the same time.

        Raises: see `current`.
        """
        return await self._replace(self._token)

    async def _replace(self, old: str | None) -> str:
        async with self._lock:
            if self._token is None or self._token == old:
                self._token = await self._ask()
                self._fresh = True
            return self._token

    async def _ask(self) -> str:
        assert self._get_token is not None
        try:
            return await self._get_token()
        except ClientEndedError:
            raise
        except Exception as error:
            logger.warning("get_token failed", exc_info=error)
            raise UnavailableError("get_token failed") from error

    def accepted(self) -> None:
        """The server has taken the token."""
        self._accepted = self._token
        self._fresh = False

    async def refused(self, token: str, error: AuthenticationError) -> None:
        """The server has refused `token`: get another one.

        Raises:
            AuthenticationError: there is no other: `error`, or what the callback says.
            UnavailableError: the callback has failed otherwise.
        """
        if not self.renewable or (self._fresh and token == self._token):
            raise error
        await self._replace(token)
