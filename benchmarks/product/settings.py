"""Settings of the measured product: the sample site's, with one app added and three options set.

The benchmark sets SECRET_KEY and DATABASE_URL in the environment.
"""

from __future__ import annotations

from benchmarks.product.server import METRICS_TOKEN
from socialhub.settings import *  # noqa: F403
from socialhub.settings import INSTALLED_APPS, REALTIME

INSTALLED_APPS = [*INSTALLED_APPS, "benchmarks.product"]

# The publishing socket sends one frame for each event. Polls that wait have to do so until
# the last of thousands has come, which is told by the metrics. Everything else is as shipped.
REALTIME = {
    **REALTIME,
    "FRAMES_PER_SECOND": 100_000,
    "POLL_TIMEOUT": 600,
    "METRICS_TOKEN": METRICS_TOKEN,
}
