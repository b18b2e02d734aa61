"""The site for ASGI servers: `uvicorn socialhub.asgi:application`, or daphne."""

import os

from django.conf import settings
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "socialhub.settings")
http = get_asgi_application()  # sets Django up: what follows imports models
if settings.DEBUG:
    http = ASGIStaticFilesHandler(http)  # elsewhere the proxy serves STATIC_ROOT

from realtime.routing import realtime_application  # noqa: E402

application = realtime_application(http)
