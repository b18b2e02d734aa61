"""The messaging app."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from realtime import app_config


class MessagingConfig(app_config.PluggedConfig):
    name = "messaging"
    verbose_name = _("Messaging")
    requires = ("realtime", "notifications")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        super().ready()
        from messaging import signals

        signals.connect()
