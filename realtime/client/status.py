"""How a client is connected."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """How a client is connected."""

    DISCONNECTED = "disconnected"
    """It has not been told to connect, or has been told to disconnect."""
    CONNECTING = "connecting"
    """It opens its first connection."""
    CONNECTED = "connected"
    """It has a socket."""
    RECONNECTING = "reconnecting"
    """It had a connection, and tries to get another."""
    POLLING = "polling"
    """It has no socket, and polls."""
    ENDED = "ended"
    """It does not come back by itself: there is no token, or the server does not want it."""
