"""The engine's tables: the outbox, the log, and who is connected where."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class RecordedEvent(models.Model):
    """What an event consists of, before and after it has its number."""

    event_id = models.UUIDField(_("event id"), default=uuid.uuid4)
    type = models.CharField(_("type"), max_length=64)
    channel = models.CharField(_("channel"), max_length=200, blank=True)
    # A public event has a topic; every other has recipients.
    topic = models.CharField(_("topic"), max_length=200, blank=True)
    # User ids as a JSON array, so that a node that tails the log needs one query.
    recipients = models.TextField(_("recipients"), default="[]")
    # JSON text, exactly as it goes on the wire. Not a JSONField: PostgreSQL's
    # jsonb refuses "\u0000", and nothing in a payload may stop the relay.
    payload = models.TextField(_("payload"))
    # What its content is of, as `msg_7`, and whose: to find it when that is deleted.
    subject = models.CharField(_("subject"), max_length=80, blank=True, default="", db_default="")
    author = models.CharField(_("author"), max_length=64, blank=True, default="", db_default="")
    # Acted on by the nodes, never delivered.
    control = models.BooleanField(_("control event"), default=False)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"


class OutboxEvent(RecordedEvent):
    """An event written by a transaction, waiting for the relay."""

    class Meta:
        verbose_name = _("outbox event")
        verbose_name_plural = _("outbox events")


class Event(RecordedEvent):
    """An event in the log, under its sequence."""

    sequence = models.BigIntegerField(_("sequence"), primary_key=True)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        permissions = [("view_payload", _("Can see the contents of messages and events"))]
        indexes = [
            models.Index(
                fields=["topic", "sequence"],
                name="realtime_event_topic",
                condition=~models.Q(topic=""),
            ),
            models.Index(
                fields=["subject"],
                name="realtime_event_subject",
                condition=~models.Q(subject=""),
            ),
            models.Index(
                fields=["author"],
                name="realtime_event_author",
                condition=~models.Q(author=""),
            ),
            # For the admin's filters.
            models.Index(fields=["channel", "sequence"], name="realtime_event_channel"),
            models.Index(fields=["type", "sequence"], name="realtime_event_type"),
            models.Index(
                fields=["sequence"],
                name="realtime_event_control",
                condition=models.Q(control=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sequence} {self.type}"


class EventRecipient(models.Model):
    """One user to whom one logged event belongs."""

    pk = models.CompositePrimaryKey("user", "event")
    # No constraints: copying an event must not fail because its reader has gone.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    event = models.ForeignKey(
        Event,
        on_delete=models.DO_NOTHING,
        db_column="sequence",
        db_constraint=False,
        related_name="+",
    )

    class Meta:
        verbose_name = _("event recipient")
        verbose_name_plural = _("event recipients")

    def __str__(self) -> str:
        return f"event {self.event_id} of user {self.user_id}"


class LogHead(models.Model):
    """The one row that says where the log stands; its lock makes the relay single."""

    ID = 1

    id = models.SmallIntegerField(primary_key=True, default=ID)
    epoch = models.CharField(_("epoch"), max_length=32)
    sequence = models.BigIntegerField(_("last sequence"), default=0)
    pruned_through = models.BigIntegerField(_("pruned through"), default=0)

    class Meta:
        verbose_name = _("log head")
        verbose_name_plural = _("log head")

    def __str__(self) -> str:
        return f"{self.epoch} at {self.sequence}"


class Node(models.Model):
    """One server process. It is alive as long as it renews its lease."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=200)
    started_at = models.DateTimeField(_("started at"), db_default=Now())
    renewed_at = models.DateTimeField(_("renewed at"), db_default=Now(), db_index=True)
    # What it last reported of itself, see `reports`; null before it has, and of a node
    # whose version does not report.
    reported_at = models.DateTimeField(_("reported at"), null=True, blank=True)
    version = models.CharField(_("version"), max_length=64, blank=True, default="", db_default="")
    leaving = models.BooleanField(_("leaving"), default=False, db_default=False)
    connections = models.PositiveIntegerField(_("connections"), null=True, blank=True)
    waiting_polls = models.PositiveIntegerField(_("waiting polls"), null=True, blank=True)
    subscriptions = models.PositiveIntegerField(_("subscriptions"), null=True, blank=True)
    buffered_bytes = models.BigIntegerField(_("buffered bytes"), null=True, blank=True)
    position = models.BigIntegerField(_("position"), null=True, blank=True)
    # So many events after its position were in the log by then.
    behind = models.BigIntegerField(_("events behind"), null=True, blank=True)

    class Meta:
        verbose_name = _("node")
        verbose_name_plural = _("nodes")

    def __str__(self) -> str:
        return self.name


class Session(models.Model):
    """One open WebSocket. The slot makes the limit per user exact."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        # None of the three rows that come and go by themselves has one: deleting a
        # user must not fail because the user is just connecting.
        db_constraint=False,
        db_index=False,  # the constraint's index serves
        related_name="realtime_sessions",
        verbose_name=_("user"),
    )
    slot = models.PositiveSmallIntegerField(_("slot"))
    node = models.ForeignKey(
        Node, on_delete=models.CASCADE, related_name="sessions", verbose_name=_("node")
    )
    address = models.CharField(_("address"), max_length=100, blank=True)
    # No frame but heartbeats for a while.
    idle = models.BooleanField(_("idle"), default=False)
    connected_at = models.DateTimeField(_("connected at"), db_default=Now())
    # As of its node's last report; null: in none so far.
    subscriptions = models.PositiveIntegerField(_("subscriptions"), null=True, blank=True)
    buffered_bytes = models.BigIntegerField(_("buffered bytes"), null=True, blank=True)

    class Meta:
        verbose_name = _("live connection")
        verbose_name_plural = _("live connections")
        constraints = [
            models.UniqueConstraint(fields=["user", "slot"], name="realtime_session_slot")
        ]

    def __str__(self) -> str:
        return f"user {self.user_id} from {self.address or 'an unknown address'}"


class PollLease(models.Model):
    """A user who polls. Counts as connected for as long as it is renewed."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        db_constraint=False,  # as a session's
        related_name="+",
        verbose_name=_("user"),
    )
    renewed_at = models.DateTimeField(_("renewed at"), db_default=Now(), db_index=True)

    class Meta:
        verbose_name = _("user who polls")
        verbose_name_plural = _("users who poll")

    def __str__(self) -> str:
        return f"user {self.user_id} polls"


class TokenRevocation(models.Model):
    """A user's tokens issued before this moment are no longer good."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="realtime_revocation",
        verbose_name=_("user"),
    )
    revoked_at = models.DateTimeField(_("revoked at"))

    class Meta:
        verbose_name = _("token revocation")
        verbose_name_plural = _("token revocations")

    def __str__(self) -> str:
        return f"{self.user_id} before {self.revoked_at}"


class FeedMark(models.Model):
    """How far a user has seen the feed: the time of the newest post seen."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="realtime_feed_mark",
        verbose_name=_("user"),
    )
    seen_at = models.DateTimeField(_("seen at"))

    class Meta:
        verbose_name = _("feed mark")
        verbose_name_plural = _("feed marks")

    def __str__(self) -> str:
        return f"{self.user_id} until {self.seen_at}"
