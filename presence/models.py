"""What was last announced of each user, and what has to be known to announce the next."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Presence(models.Model):
    """A user's presence. Its row is the lock under which each change is decided."""

    class Status(models.TextChoices):
        """The statuses of the API reference."""

        ONLINE = "online", _("online")
        OFFLINE = "offline", _("offline")
        AWAY = "away", _("away")
        BUSY = "busy", _("busy")

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        # Written by itself: deleting a user must not fail because of it.
        db_constraint=False,
        related_name="+",
        verbose_name=_("user"),
    )
    # As it was last announced: an event is written when it changes, and only then.
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.OFFLINE
    )
    # Null and not "": nothing was chosen, and the status follows the connections.
    chosen = models.CharField(  # noqa: DJ001
        _("chosen by the user"),
        max_length=10,
        choices=[(choice.value, choice.label) for choice in (Status.AWAY, Status.BUSY)],
        null=True,
        blank=True,
    )
    last_seen = models.DateTimeField(_("last seen"), null=True, blank=True)
    # Stored, so that the node on which the last connection was may die meanwhile.
    offline_at = models.DateTimeField(_("grace ends at"), null=True, blank=True)

    class Meta:
        verbose_name = _("presence")
        verbose_name_plural = _("presences")
        indexes = [
            models.Index(
                fields=["offline_at"],
                condition=models.Q(offline_at__isnull=False),
                name="presence_grace",
            ),
            models.Index(
                fields=["user"], condition=~models.Q(status="offline"), name="presence_shown"
            ),
            # For the admin's filter; of few users.
            models.Index(
                fields=["user"], condition=models.Q(chosen__isnull=False), name="presence_chosen"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.status}"
