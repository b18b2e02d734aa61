"""The site for ASGI servers: `uvicorn socialhub.asgi:application`, or daphne."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "socialhub.settings")
http = get_asgi_application()  # sets Django up: what follows imports models

from realtime.routing import realtime_application  # noqa: E402

application = realtime_application(http)
