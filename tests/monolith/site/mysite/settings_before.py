# ruff: noqa: F821  (it is appended to a settings.py)
import os

# The team's own settings, at the end of what startproject has written.
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS[INSTALLED_APPS.index("django.contrib.admin")] = "mysite.backoffice.BackofficeConfig"
INSTALLED_APPS += ["people", "blog", "shop.notifications"]
AUTH_USER_MODEL = "people.Person"
LOGIN_REDIRECT_URL = "/"
MIDDLEWARE += ["mysite.csp.strict_csp"]
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": os.environ["REDIS_URL"] + "/1",
        "KEY_PREFIX": "shop",
    }
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {
            "hosts": [{"address": os.environ["REDIS_URL"] + "/0", "socket_timeout": 15}],
            "prefix": "shop",
        },
    }
}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": True,
    "formatters": {"line": {"format": "%(levelname)s %(name)s %(message)s"}},
    "handlers": {
        "file": {
            "class": "logging.FileHandler",
            "filename": BASE_DIR / "site.log",
            "formatter": "line",
        }
    },
    "root": {"handlers": ["file"], "level": "INFO"},
}
