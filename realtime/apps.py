"""The engine's Django app."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class RealtimeConfig(AppConfig):
    name = "realtime"
    verbose_name = _("Realtime")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from realtime import (  # noqa: F401  (some register themselves)
            checks,
            feed,
            mounting,
            redaction,
            signals,
        )

        redaction.install()
        signals.connect()
        autodiscover_modules("commands")
