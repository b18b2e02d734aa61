"""The in-memory channel layer without a cost that only shows at many sockets."""

from __future__ import annotations

import time
from typing import Any

from channels.layers import InMemoryChannelLayer


class SparingLayer(InMemoryChannelLayer):  # type: ignore[misc]
    """Looks for expired messages and memberships once a second.

    The original walks over the whole group at every single receive, which at
    1,000 members costs more than all else. No production layer does that, so
    leaving it in would flatter whatever is compared with it.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._cleaned_at = 0.0

    def _clean_expired(self) -> None:
        now = time.monotonic()
        if now - self._cleaned_at >= 1.0:
            self._cleaned_at = now
            super()._clean_expired()
