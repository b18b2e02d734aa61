"""The presence app."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from realtime import app_config


class PresenceConfig(app_config.PluggedConfig):
    name = "presence"
    verbose_name = _("Presence")
    requires = ("realtime",)
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        super().ready()
        from presence import signals  # noqa: F401  (it registers itself)
