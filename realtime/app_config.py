"""What the apps that plug into the engine have in common as Django apps."""

from __future__ import annotations

from typing import ClassVar

from django.apps import AppConfig
from django.core.checks import Tags, register
from django.core.exceptions import ImproperlyConfigured


class PluggedConfig(AppConfig):
    """An app that needs others, and whose URLs are to be included.

    A site whose own app has the label already takes a subclass with another:

        class RealtimeNotifications(NotificationsConfig):
            label = "realtime_notifications"

    Attributes:
        requires: the names of the apps that have to be installed beside it.
    """

    requires: ClassVar[tuple[str, ...]] = ()

    def import_models(self) -> None:
        # System checks would come too late: without these no model can be imported.
        assert self.apps is not None  # Django has set it
        if missing := [name for name in self.requires if not self.apps.is_installed(name)]:
            lines = " ".join(f'"{name}",' for name in missing)
            raise ImproperlyConfigured(
                f"The app {self.name!r} needs others. Add to your INSTALLED_APPS: {lines}"
            )
        super().import_models()

    def ready(self) -> None:
        from realtime.conf import CHECKS
        from realtime.mounting import check_of_urls

        register(check_of_urls(self.name), CHECKS, Tags.urls)
