"""Whether a user was connected when an event was logged, as far as that is known.

Connections are not recorded once they have ended. What is known for certain: which of
those that are open now were open then, and what the log says of the user's presence. That
lags behind connections by a few seconds, so it is told as what it is.
"""

from __future__ import annotations

from datetime import timedelta

import msgspec
from django.utils.html import format_html

from realtime.admin.base import ModelAdmin
from realtime.admin.showing import ago, link_to
from realtime.log import LoggedEvent
from realtime.models import Event
from realtime.sessions import live_connections
from realtime.users import parse_user_id

# The database's clock says when a connection was opened, a server's when an event was
# written: so far they may be apart.
SKEW = timedelta(seconds=5)

NOT_KNOWN = "Not known any more: connections that have ended are not recorded."


def connected_at(model_admin: ModelAdmin, user_id: str, event: Event | LoggedEvent) -> str:
    """What can be said of this user's connections at the moment of `event`."""
    for connection in live_connections(parse_user_id(user_id)):
        # When the polls of a user who polls began is not known, only when the last did.
        if connection.id and connection.since <= event.created_at - SKEW:
            return format_html("Yes: by a connection opened {}, still open.", ago(connection.since))
    shown = _presence_before(user_id, event.sequence)
    if shown is None:
        return NOT_KNOWN
    status = msgspec.json.decode(shown.payload).get("status", "")
    where = link_to(model_admin, shown, f"event {shown.pk}")
    return format_html("Shown as {} then, since {} ({}).", status, where, ago(shown.created_at))


def _presence_before(user_id: str, sequence: int) -> Event | None:
    """The last that everybody was told of a user's presence before an event."""
    # By the index of channels; `presence:{id}` is what the protocol calls this one.
    told = Event.objects.filter(
        channel=f"presence:{user_id}", type="presence", sequence__lt=sequence
    )
    return told.order_by("-sequence").first()
