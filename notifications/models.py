"""Notifications, and each user's count of those not read."""

from __future__ import annotations

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Notification(models.Model):
    """Something that happened to a user."""

    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        db_index=False,  # the inbox's index serves
        # `user.notifications`; the site's own if it gives the app another label.
        related_name="%(app_label)s",
        verbose_name=_("recipient"),
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("actor"),
    )
    type = models.CharField(_("type"), max_length=64)
    # What the recipient reads. Where there are params it is only the site's language's
    # version of a registered text, for the admin's search and as a last resort.
    message = models.TextField(_("message"))
    params = models.JSONField(_("params"), null=True, blank=True, encoder=DjangoJSONEncoder)
    post_id = models.CharField(_("post id"), max_length=64, blank=True)
    extra = models.JSONField(_("extra"), default=dict, blank=True, encoder=DjangoJSONEncoder)
    # Those with the same key are one for as long as it is unread; see `notify_coalesced`.
    coalesce_key = models.CharField(
        _("coalesce key"), max_length=100, blank=True, default="", db_default=""
    )
    # What its content comes from, as `msg_7`: where that is deleted, the content goes.
    subject = models.CharField(_("subject"), max_length=80, blank=True, default="", db_default="")
    announced_at = models.DateTimeField(_("announced at"), null=True, blank=True)
    read_at = models.DateTimeField(_("read at"), null=True, blank=True)
    # When the site wants to know that it is still unread; see `reminders`.
    remind_at = models.DateTimeField(_("remind at"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    class Meta:
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        indexes = [
            models.Index(fields=["recipient", "-id"], name="notification_newest"),
            models.Index(
                fields=["recipient", "-id"],
                condition=models.Q(read_at=None),
                name="notification_unread",
            ),
            models.Index(
                fields=["remind_at"],
                condition=models.Q(read_at=None, remind_at__isnull=False),
                name="notification_remind",
            ),
            models.Index(
                fields=["subject"],
                condition=~models.Q(subject=""),
                name="notification_subject",
            ),
            # For the admin's filters.
            models.Index(fields=["type", "-id"], name="notification_type"),
            models.Index(fields=["created_at"], name="notification_created"),
            models.Index(
                fields=["-id"],
                condition=models.Q(read_at__isnull=False),
                name="notification_read",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["recipient", "coalesce_key"],
                condition=models.Q(read_at=None) & ~models.Q(coalesce_key=""),
                name="notification_coalesced",
            )
        ]

    def __str__(self) -> str:
        return f"{self.type} #{self.pk}"


class Inbox(models.Model):
    """A user's unread count. Its row is the lock under which notifications change."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="notification_inbox",
        verbose_name=_("user"),
    )
    unread = models.PositiveIntegerField(_("unread"), default=0)

    class Meta:
        verbose_name = _("inbox")
        verbose_name_plural = _("inboxes")

    def __str__(self) -> str:
        return f"{self.unread} unread"


class Mute(models.Model):
    """A user does not want notifications of a type, or under a coalesce key."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        db_index=False,  # the constraint's index serves
        related_name="notification_mutes",
        verbose_name=_("user"),
    )
    # One of the two.
    type = models.CharField(_("type"), max_length=64, blank=True)
    key = models.CharField(_("coalesce key"), max_length=100, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    class Meta:
        verbose_name = _("mute")
        verbose_name_plural = _("mutes")
        constraints = [
            models.UniqueConstraint(fields=["user", "type", "key"], name="notification_mute"),
            models.CheckConstraint(
                condition=models.Q(type="") ^ models.Q(key=""), name="notification_mute_one"
            ),
        ]

    def __str__(self) -> str:
        return self.type or self.key


class Broadcast(models.Model):
    """One notification to many users: waiting, under way, or over."""

    class State(models.TextChoices):
        """How far it is; see `broadcasts`."""

        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        STOPPED = "stopped", _("Stopped")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    # Those that somebody works on, or will.
    GOING = (State.QUEUED, State.RUNNING)

    # What `notify_many` is given.
    content = models.JSONField(_("content"), encoder=DjangoJSONEncoder)
    # See `audiences.Audience`.
    audience = models.JSONField(_("audience"))
    # Whoever comes up to this key has been told. Written in the transaction that tells
    # them, so that nobody is told twice, however it ends.
    last_key = models.CharField(_("last key"), max_length=255, blank=True)
    notified = models.PositiveIntegerField(_("notified"), default=0)
    started_at = models.DateTimeField(_("started at"), default=timezone.now)
    state = models.CharField(
        _("state"),
        max_length=16,
        choices=State.choices,
        default=State.RUNNING,
        db_default=State.RUNNING,
    )
    # How many there were to tell; null: nobody has counted yet.
    total = models.PositiveIntegerField(_("total"), null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("created by"),
    )
    # Of the form that it comes from: sent twice, it is one broadcast.
    once = models.UUIDField(_("key of the form"), null=True, blank=True, unique=True)
    # Until then one node has it. Null: none has had it, it is a command's, or waits.
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True)
    advanced_at = models.DateTimeField(_("last batch at"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    # Why it has failed, or does not get on.
    reason = models.TextField(_("reason"), blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("broadcast")
        verbose_name_plural = _("broadcasts")
        indexes = [
            models.Index(
                fields=["lease_until"],
                condition=models.Q(state__in=["queued", "running"]),
                name="broadcast_going",
            )
        ]

    def __str__(self) -> str:
        return f"broadcast {self.pk}"

    def forget(self) -> None:
        """Drop what is of no use once it has ended, and what was others' to erase."""
        # A version without states takes every row for one under way: it finds nobody to tell.
        self.audience = {**self.audience, "keys": []}
        if self.content["subject"]:
            self.content = {**self.content, "message": None, "params": None, "extra": None}
