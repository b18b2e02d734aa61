"""Settings of the baseline: the least that its consumer needs, and Redis, as the tutorial shows."""

from __future__ import annotations

import os

SECRET_KEY = "the-baseline-signs-nothing"
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["channels"]
ROOT_URLCONF = "benchmarks.peers.tutorial.urls"
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        # The default capacity of 100 would drop events silently; it must not lose for that.
        "CONFIG": {
            "hosts": [{"address": os.environ["BENCHMARK_REDIS_URL"], "socket_timeout": 15}],
            "capacity": 100_000,
        },
    }
}
USE_TZ = True
