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
        related_name="notifications",
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
    message = models.TextField(_("message"))
    post_id = models.CharField(_("post id"), max_length=64, blank=True)
    extra = models.JSONField(_("extra"), default=dict, blank=True, encoder=DjangoJSONEncoder)
    # Those with the same key are one for as long as it is unread; see `notify_coalesced`.
    coalesce_key = models.CharField(_("coalesce key"), max_length=100, blank=True)
    announced_at = models.DateTimeField(_("announced at"), null=True, blank=True)
    read_at = models.DateTimeField(_("read at"), null=True, blank=True)
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
