"""Settings of the sample site, from the environment (or a file `.env` beside manage.py).

`make serve` needs none of them. In production set at least SECRET_KEY,
ALLOWED_HOSTS, DATABASE_URL and REDIS_URL, and leave DEBUG off.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")

DEBUG: bool = env.bool("DEBUG", default=False)
SECRET_KEY: str = env.str("SECRET_KEY", default="")
if not SECRET_KEY:
    if not DEBUG:
        raise ImproperlyConfigured(
            "SECRET_KEY is not set. Set it to a long random text (`openssl rand -hex 32` makes "
            "one) that is the same for all servers, or set DEBUG=1 to develop."
        )
    SECRET_KEY = "development-only-key-that-protects-nothing"
JWT_SIGNING_KEY: str = env.str("JWT_SIGNING_KEY", default=SECRET_KEY)

ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["*"] if DEBUG else ["localhost"])

INSTALLED_APPS = [
    "daphne",  # before staticfiles: its runserver serves WebSockets
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "realtime",
    "notifications",
    "presence",
    "messaging",
    "socialhub",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "socialhub.middleware.content_security_policy",
    "realtime.middleware.cors",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "socialhub.urls"
ASGI_APPLICATION = "socialhub.asgi.application"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]


def _database() -> dict[str, Any]:
    database: dict[str, Any] = env.db_url(
        "DATABASE_URL", default=f"sqlite:///{BASE_DIR / 'socialhub.sqlite3'}"
    )
    if database["ENGINE"].endswith("sqlite3"):
        # Write-ahead log: readers and the writer do not block each other.
        # IMMEDIATE: a transaction that reads first cannot fail at its first write.
        database["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
    elif database["ENGINE"].endswith("postgresql"):
        # A database host that vanishes is noticed within half a minute, not within hours.
        noticing = {
            "connect_timeout": 5,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 15_000,
        }
        database["OPTIONS"] = {**noticing, **database.get("OPTIONS", {})}
    return database


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL: str = env.str("REDIS_URL", default="")
if REDIS_URL:
    CHANNEL_LAYERS: dict[str, Any] = {
        "default": {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            # Longer than the 5 s that the layer blocks for: redis-py's own default is
            # 5 s too, and would break off every quiet wait.
            "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": 15}]},
        }
    }
    CACHES: dict[str, Any] = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "OPTIONS": {"socket_timeout": 0.25, "socket_connect_timeout": 0.25},
        }
    }
else:
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

ALLOWED_ORIGINS: list[str] | None = env.list("ALLOWED_ORIGINS", default=None)
REALTIME: dict[str, Any] = {
    "ALLOWED_ORIGINS": ALLOWED_ORIGINS,
    "METRICS_TOKEN": env.str("METRICS_TOKEN", default=""),
}

REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "realtime.schema.openapi.ProductSchema"}

# The page at /api/docs has all that it loads from here, nothing from a CDN.
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "SocialHub realtime",
    "DESCRIPTION": "Polls, sending without a socket, and the state beside the events.",
    "VERSION": "1.5.0",  # of the API reference
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SORT_OPERATION_PARAMETERS": False,
    # What is sent and what is answered are two types: a password is not answered.
    "COMPONENT_SPLIT_REQUEST": True,
    "TAGS": [
        {"name": "auth", "description": "Tokens, for the API and for sockets."},
        {
            "name": "realtime",
            "description": "Events by long poll, and frames without a socket. Every response "
            "has `X-RateLimit-*` headers.",
        },
        {"name": "notifications", "description": "What the user was told, and has read."},
        {"name": "messaging", "description": "Conversations and their messages."},
        {"name": "presence", "description": "Who is online."},
        {"name": "socialhub", "description": "The sample site: posts, comments, likes, follows."},
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    # Its only default moves enums out of schemas that are written already.
    "POSTPROCESSING_HOOKS": [],
}

SIMPLE_JWT = {
    "SIGNING_KEY": JWT_SIGNING_KEY,
    "ACCESS_TOKEN_LIFETIME": timedelta(hours=1),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=14),
}

# Behind TLS, as everything but a developer's machine should be. Cookies and redirects
# then insist on it; the proxy says X-Forwarded-Proto, which uvicorn takes from 127.0.0.1.
HTTPS: bool = env.bool("HTTPS", default=not DEBUG)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"},
        "json": {"()": "realtime.logs.JsonFormatter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": env.str("LOG_FORMAT", default="line"),
        }
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    # It says for every hint that a dead server's queue is full, until that expires.
    "loggers": {"channels_redis": {"level": "WARNING"}},
}
