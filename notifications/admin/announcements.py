"""The events that announced a notification, as far as the log still has them."""

from __future__ import annotations

from datetime import datetime

from django.utils.html import format_html, format_html_join

from notifications.events import payload_start
from notifications.models import Notification
from realtime.admin.base import ModelAdmin
from realtime.admin.connected import connected_at
from realtime.admin.showing import ago, exactly, link_to
from realtime.models import Event, EventRecipient, OutboxEvent
from realtime.users import user_id

SHOWN = 5


def events_of(notification: Notification) -> list[Event]:
    """The newest of the events that announced it, oldest first: of the recipient's own."""
    own = EventRecipient.objects.filter(
        user=notification.recipient_id,
        event__type="notification",
        event__payload__startswith=payload_start(notification.pk),
    )
    sequences = list(own.order_by("-event").values_list("event_id", flat=True)[:SHOWN])
    return list(Event.objects.filter(pk__in=sequences).defer("payload").order_by("pk"))


def announced_by(model_admin: ModelAdmin, notification: Notification, events: list[Event]) -> str:
    """Links to the events, or why there are none."""
    if events:
        links = [
            (link_to(model_admin, event, f"event {event.pk}"), ago(event.created_at))
            for event in events
        ]
        return format_html_join(", ", "{} ({})", links)
    if _is_pending(notification):
        return "Waiting in the outbox for its number"
    oldest = _oldest_event()
    if oldest is None:
        return "Pruned: the log is empty"
    if notification.created_at < oldest:
        return format_html("Pruned: the log reaches back to {} ({})", exactly(oldest), ago(oldest))
    return "Not in the log: its content was erased there, or nobody was told of it"


def was_connected(model_admin: ModelAdmin, notification: Notification, events: list[Event]) -> str:
    """Whether the recipient was connected when it was announced first."""
    if not events:
        return "Not known: the event is not in the log."
    return connected_at(model_admin, user_id(notification.recipient), events[0])


def _is_pending(notification: Notification) -> bool:
    start = payload_start(notification.pk)
    return OutboxEvent.objects.filter(type="notification", payload__startswith=start).exists()


def _oldest_event() -> datetime | None:
    return Event.objects.order_by("sequence").values_list("created_at", flat=True).first()
