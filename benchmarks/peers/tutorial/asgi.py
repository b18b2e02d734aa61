"""The tutorial's site, without its AuthMiddlewareStack: no session has to be read or looked for."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.peers.tutorial.settings")
http = get_asgi_application()

from benchmarks.peers.tutorial.consumers import ChatConsumer  # noqa: E402

application = ProtocolTypeRouter(
    {"http": http, "websocket": URLRouter([path("ws", ChatConsumer.as_asgi())])}
)
