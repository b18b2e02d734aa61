"""Settings of the measured product: the sample site's, with one app and one limit changed.

The benchmark sets SECRET_KEY and DATABASE_URL in the environment.
"""

from __future__ import annotations

from socialhub.settings import *  # noqa: F403
from socialhub.settings import INSTALLED_APPS, REALTIME

INSTALLED_APPS = [*INSTALLED_APPS, "benchmarks.product"]

# The publishing socket sends one frame for each event; everything else is as shipped.
REALTIME = {**REALTIME, "FRAMES_PER_SECOND": 100_000}
