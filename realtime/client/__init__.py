"""A client for services, bots and tests: the same events and commands as in a browser.

    from realtime.client import Client

    async with Client("https://example.org", get_token=log_in) as client:
        await client.subscribe("conversation:conv_1")
        async for event in client.events("message"):
            print(event.payload["content"])

It imports no Django. What it needs comes with `pip install 'socialhub-realtime[client]'`.
docs/python-client.md teaches it. `session` and what it is made of do no I/O; `socket`
and `polling` are thin shells around it, and `connector` decides which of them is used.
"""

from realtime.client.buffer import Events
from realtime.client.client import Client
from realtime.client.errors import (
    AckTimeoutError,
    AuthenticationError,
    ClientEndedError,
    ClientError,
    CommandError,
    ConnectionLostError,
    QueueFullError,
)
from realtime.client.position import Event, Position
from realtime.client.status import Status
from realtime.client.timing import Timing

__all__ = [
    "AckTimeoutError",
    "AuthenticationError",
    "Client",
    "ClientEndedError",
    "ClientError",
    "CommandError",
    "ConnectionLostError",
    "Event",
    "Events",
    "Position",
    "QueueFullError",
    "Status",
    "Timing",
]
