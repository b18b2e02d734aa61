"""Conversations, who takes part in them and when, what was said, and who has read it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Conversation(models.Model):
    """Two people, or a group. Its row is the lock under which everything in it happens."""

    # Of two people: both ids, so that the database keeps it the only one.
    pair = models.CharField(_("pair"), max_length=600, blank=True)
    title = models.CharField(_("title"), max_length=200, blank=True)
    creator = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("creator"),
    )
    last_position = models.PositiveBigIntegerField(_("last position"), default=0)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    last_activity_at = models.DateTimeField(_("last activity at"), default=timezone.now)

    class Meta:
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        constraints = [
            models.UniqueConstraint(
                fields=["pair"], condition=~models.Q(pair=""), name="conversation_pair"
            )
        ]

    def __str__(self) -> str:
        # Not its title: that is what people wrote.
        return f"conversation {self.pk}"


class Participant(models.Model):
    """One stay of a user in a conversation; who comes back has another row.

    A stay sees the messages after `joined_position`, up to `left_position`.
    """

    conversation = models.ForeignKey(
        Conversation,
        on_delete=models.CASCADE,
        db_index=False,  # the index of stays serves
        related_name="participants",
        verbose_name=_("conversation"),
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="+",
        verbose_name=_("user"),
    )
    joined_at = models.DateTimeField(_("joined at"), default=timezone.now)
    left_at = models.DateTimeField(_("left at"), null=True, blank=True)
    joined_position = models.PositiveBigIntegerField(_("joined position"), default=0)
    left_position = models.PositiveBigIntegerField(_("left position"), null=True, blank=True)
    # Never below joined_position.
    last_read_position = models.PositiveBigIntegerField(_("last read position"), default=0)

    class Meta:
        verbose_name = _("participant")
        verbose_name_plural = _("participants")
        indexes = [models.Index(fields=["conversation", "user"], name="participant_stays")]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "conversation"],
                condition=models.Q(left_at=None),
                name="participant_active",
            )
        ]

    def __str__(self) -> str:
        return f"user {self.user_id} in conversation {self.conversation_id}"


class Message(models.Model):
    """One message, at its place in its conversation."""

    conversation = models.ForeignKey(
        Conversation,
        on_delete=models.CASCADE,
        db_index=False,  # the constraint's index serves
        related_name="messages",
        verbose_name=_("conversation"),
    )
    position = models.PositiveBigIntegerField(_("position"))
    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("sender"),
    )
    content = models.TextField(_("content"))
    # Then the content is empty; the message keeps its place.
    deleted_at = models.DateTimeField(_("deleted at"), null=True, blank=True)
    # The id that the sender's client gave it, so that it may be sent again.
    client_id = models.UUIDField(_("client id"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            models.UniqueConstraint(fields=["conversation", "position"], name="message_position"),
            models.UniqueConstraint(
                fields=["sender", "client_id"],
                condition=models.Q(client_id__isnull=False),
                name="message_client_id",
            ),
        ]

    def __str__(self) -> str:
        return f"message {self.position} of conversation {self.conversation_id}"


class ReadReceipt(models.Model):
    """A user has read another's message."""

    message = models.ForeignKey(
        Message,
        on_delete=models.CASCADE,
        db_index=False,  # the constraint's index serves
        related_name="receipts",
        verbose_name=_("message"),
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="+",
        verbose_name=_("user"),
    )
    read_at = models.DateTimeField(_("read at"), default=timezone.now)

    class Meta:
        verbose_name = _("read receipt")
        verbose_name_plural = _("read receipts")
        constraints = [
            models.UniqueConstraint(fields=["message", "user"], name="receipt_message_user")
        ]

    def __str__(self) -> str:
        return f"message {self.message_id} read by user {self.user_id}"
