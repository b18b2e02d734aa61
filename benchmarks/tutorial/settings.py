"""Settings of the baseline: the least that the tutorial's consumer needs."""

from __future__ import annotations

SECRET_KEY = "the-baseline-signs-nothing"
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["channels"]
ROOT_URLCONF = "benchmarks.tutorial.urls"
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "benchmarks.tutorial.layers.SparingLayer",
        # The default of 100 would drop events silently; it must not lose for that.
        "CONFIG": {"capacity": 100_000},
    }
}
USE_TZ = True
