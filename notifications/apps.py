"""The notifications app."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from realtime import app_config


class NotificationsConfig(app_config.PluggedConfig):
    name = "notifications"
    verbose_name = _("Notifications")
    requires = ("realtime",)
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        super().ready()
        from notifications import signals

        signals.connect()
