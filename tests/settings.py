"""Settings of the test suite: the sample site's, made quick and quiet.

DATABASE_URL and REDIS_URL choose the databases, as for the site.
"""

import json
import os

os.environ["DEBUG"] = "0"
os.environ["HTTPS"] = "0"
os.environ.setdefault("SECRET_KEY", "test-key-that-is-long-enough-for-hs256-signatures")
os.environ.setdefault("ALLOWED_HOSTS", "*")

if (worker := os.environ.get("PYTEST_XDIST_WORKER")) and os.environ.get("REDIS_URL"):
    # Each worker of a parallel run has a Redis database of its own: tests empty it.
    url, _, number = os.environ["REDIS_URL"].rpartition("/")
    os.environ["REDIS_URL"] = f"{url}/{int(number) + 1 + int(worker.removeprefix('gw'))}"

from socialhub.settings import *  # noqa: F403
from socialhub.settings import BASE_DIR, DATABASES, REALTIME

# A file: connections of several threads and processes see one database. One for each run,
# so that two can be under way.
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    (BASE_DIR / "var").mkdir(exist_ok=True)
    DATABASES["default"]["TEST"] = {"NAME": str(BASE_DIR / "var" / f"test-{os.getpid()}.sqlite3")}

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

# Limits that a suite running from one address would meet; tests of the limits set their own.
# What a test sets for a server in another process, that server finds in the environment.
REALTIME = {
    **REALTIME,
    "POLLS_PER_MINUTE": 100_000,
    "DRAIN_SECONDS": 0.2,
    **json.loads(os.environ.get("TEST_OPTIONS", "{}")),
}
