"""A channel layer that loses what it is given."""

from __future__ import annotations

import logging
import random
from typing import Any

from channels_redis.core import RedisChannelLayer

LOSS = 0.1


class LossyLayer(RedisChannelLayer):  # type: ignore[misc]  # channels has no types
    """Drops one message in ten; its capacity, when small, drops many more.

    Attributes:
        dropped: how many it has dropped by chance.
        overflowed: how many found no room in a channel.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.dropped = self.overflowed = 0
        # Whom it drops for want of room the layer tells its log only.
        log = logging.getLogger("channels_redis.core")
        log.setLevel(logging.INFO)
        log.addFilter(self._count_overflow)

    def _count_overflow(self, record: logging.LogRecord) -> bool:
        self.overflowed += "over capacity" in record.getMessage()
        return False

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        if random.random() < LOSS:
            self.dropped += 1
        else:
            await super().group_send(group, message)
