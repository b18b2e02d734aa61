"""The sample site's app."""

from __future__ import annotations

from django.apps import AppConfig


class SocialHubConfig(AppConfig):
    name = "socialhub"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from realtime.feed import watch_feed
        from socialhub.models import Post

        watch_feed(Post)
