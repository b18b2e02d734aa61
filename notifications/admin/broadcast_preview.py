"""What a broadcast would do: how many it tells, some of them, and what they see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import OperationalError

from notifications import texts
from notifications.audiences import Audience
from notifications.broadcasts import Content
from notifications.counting import in_time
from notifications.events import notification_payload
from notifications.models import Notification
from realtime import protocol
from realtime.admin.large import COUNTED, Roughly

SAMPLE = 5


@dataclass(frozen=True, slots=True)
class Preview:
    """What the operator sees before anybody is told.

    Attributes:
        count: how many get it; a `Roughly` where there was no time to count, None where
            nothing is known.
        sample: the first of them; None where there was no time to find them.
        renderings: the text in each of the sample's languages, or in the site's.
        payload: what clients get, but for what is of the single notification.
    """

    count: int | None
    sample: list[Any] | None
    renderings: list[tuple[str, str]]
    payload: dict[str, Any]

    @property
    def is_exact(self) -> bool:
        """Whether `count` was counted to the end."""
        return self.count is not None and not isinstance(self.count, Roughly)


def preview(content: Content, audience: Audience) -> Preview:
    """What this would do now."""
    notification = _draft(content)
    sample = first_of(audience)
    return Preview(
        count=count(audience),
        sample=sample,
        renderings=_renderings(notification, sample or []),
        payload=_payload(notification),
    )


def count(audience: Audience) -> int | None:
    """How many it tells; counted to the end, if there is time."""
    try:
        with in_time():
            return audience.count()
    except OperationalError:
        pass  # it took too long
    if audience.keys is not None:
        return None
    try:
        with in_time():
            found = audience.users.order_by().values("pk")[: COUNTED + 1].count()
    except OperationalError:
        return None
    return Roughly(COUNTED, "{}+") if found > COUNTED else found


def first_of(audience: Audience) -> list[Any] | None:
    """Some of the users."""
    try:
        with in_time():
            keys = audience.after("", SAMPLE).keys
            return list(get_user_model()._default_manager.filter(pk__in=keys).order_by("pk"))
    except OperationalError:
        return None


def _draft(content: Content) -> Notification:
    params = None if content.message is not None else content.params or {}
    return Notification(
        pk=0,
        type=content.type,
        message=content.message or texts.compose(content.type, params or {}, None),
        params=params,
        post_id=content.post_id or "",
        extra=content.extra or {},
        created_at=protocol.now(),
    )


def _renderings(notification: Notification, sample: list[Any]) -> list[tuple[str, str]]:
    if notification.params is None:
        return [("", notification.message)]
    languages = dict.fromkeys(map(texts.language_of, sample)) or {settings.LANGUAGE_CODE: None}
    return [(one, texts.render(notification, one)) for one in languages]


def _payload(notification: Notification) -> dict[str, Any]:
    payload = notification_payload(notification, unread_count=1)
    shown: dict[str, Any] = msgspec.json.decode(protocol.encode(payload))
    return {**shown, "id": "notif_…"}
