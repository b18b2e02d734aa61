"""Telling the site of notifications that are still unread, for an e-mail or a push.

    REALTIME = {"REMIND_AFTER": 600, "ON_UNREAD": "shop.mail.remind"}

or, for several listeners, the signal:

    @receiver(notification_unread)
    def remind(sender, notification, **kwargs): ...

Every node looks, and each notification is claimed by one of them. Listeners are
called in a database thread, outside of any transaction; what takes long belongs
into a task queue. One that fails is called again after the same time, as long as
the notification is unread; so it is where a node dies at that moment.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import connections, router, transaction
from django.dispatch import Signal

from notifications.models import Notification
from realtime import protocol
from realtime.conf import conf, hook

logger = logging.getLogger("notifications.reminders")

# Sent with `notification`; the sender is the model.
notification_unread = Signal()

LOOK_SECONDS = 15.0
BATCH = 20
# If the node that claimed them dies, another takes them up after this.
CLAIM = timedelta(seconds=60)


def due_at(created_at: datetime) -> datetime | None:
    """When a notification of this moment is to be reminded of, if it is to be."""
    seconds = conf().REMIND_AFTER
    return created_at + timedelta(seconds=seconds) if seconds else None


def remind() -> None:
    """Tell the site's hook and the signal of everything that is due now."""
    if not conf().REMIND_AFTER:
        return
    while claimed := _claim():
        for notification in claimed:
            _tell(notification)


def _claim() -> list[Notification]:
    """Take some that are due; nobody else gets them meanwhile."""
    using = router.db_for_write(Notification)
    features = connections[using].features
    now = protocol.now()
    due = Notification.objects.using(using).filter(read_at=None, remind_at__lte=now)
    # Looking first keeps an idle SQLite free of write transactions.
    if not due.exists():
        return []
    with transaction.atomic(using=using):
        claimed = list(
            due.select_for_update(
                of=("self",) if features.has_select_for_update_of else (),
                skip_locked=features.has_select_for_update_skip_locked,
            )
            .select_related("recipient", "actor")
            .order_by("remind_at")[:BATCH]
        )
        Notification.objects.filter(pk__in=[row.pk for row in claimed]).update(
            remind_at=now + CLAIM
        )
    return claimed


def _tell(notification: Notification) -> None:
    failed = False
    try:
        hook("ON_UNREAD")(notification)
    except Exception:
        failed = True
        logger.exception("ON_UNREAD failed for %s, will be called again", notification)
    for receiver, answer in notification_unread.send_robust(
        Notification, notification=notification
    ):
        if isinstance(answer, Exception):
            failed = True
            logger.error("%r failed for %s", receiver, notification, exc_info=answer)
    again = due_at(protocol.now()) if failed else None
    Notification.objects.filter(pk=notification.pk).update(remind_at=again)
