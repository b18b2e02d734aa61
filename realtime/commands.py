"""The engine's own frames: what every connection understands and may be sent.

Declared here for the published schemas; `realtime.connection` carries them out. And its
own channel, of the nodes' figures.
"""

from __future__ import annotations

from realtime import protocol, stats
from realtime.frame_types import RequestType, register_event, register_request
from realtime.registry import ChannelKind, register_channel

register_request(
    RequestType("connect", protocol.ConnectRequest, protocol.Connected, reply="connect")
)
register_request(RequestType("disconnect", protocol.Empty, protocol.Empty))
register_request(RequestType("authenticate", protocol.AuthenticateRequest, protocol.Authenticated))
register_request(RequestType("subscribe", protocol.ChannelRequest, protocol.Subscribed))
register_request(RequestType("unsubscribe", protocol.ChannelRequest, protocol.Unsubscribed))
register_request(RequestType("heartbeat", protocol.Empty, protocol.Heartbeat, reply="heartbeat"))

register_event("connect", protocol.Connected, logged=False)
register_event("disconnect", protocol.Disconnected, logged=False)
register_event("resync", protocol.Resync, logged=False)
register_event("ack", protocol.Ack, logged=False)
register_event("error", protocol.ErrorObject, logged=False)
register_event("erased", protocol.Erased, logged=True, channel="any")
register_event("heartbeat", protocol.Heartbeat, logged=False)
register_event(stats.EVENT, stats.NodeStats, logged=False, channel=stats.CHANNEL)

register_channel(
    ChannelKind(
        stats.CHANNEL,
        authorize=stats.authorize,
        snapshot=stats.snapshot,
        topic=lambda channel: stats.CHANNEL,  # so that a node knows who looks
    )
)
