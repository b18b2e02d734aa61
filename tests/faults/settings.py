"""Settings of the laboratory's nodes and writers: the suite's, with room for faults."""

import os

from tests.settings import *  # noqa: F403
from tests.settings import CHANNEL_LAYERS, INSTALLED_APPS, REALTIME

INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults.hooks.HooksConfig"]

if layer := os.environ.get("LAB_LAYER"):
    CHANNEL_LAYERS["default"]["BACKEND"] = layer
    CHANNEL_LAYERS["default"]["CONFIG"]["capacity"] = 3

# A user who has been cut off again and again has several connections that the
# node has not yet seen to be dead.
REALTIME = {**REALTIME, "MAX_CONNECTIONS": int(os.environ.get("LAB_MAX_CONNECTIONS", "30"))}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    # These say something of every request.
    "loggers": {
        "django.request": {"level": "CRITICAL"},
        "httpx": {"level": "WARNING"},
        "uvicorn.error": {"level": "WARNING"},
        # Of each hint that a dead node's channel has no room for.
        "channels_redis.core": {"level": "WARNING"},
    },
}
