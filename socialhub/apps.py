"""The sample site's app."""

from __future__ import annotations

from django.apps import AppConfig


class SocialHubConfig(AppConfig):
    name = "socialhub"
    default_auto_field = "django.db.models.BigAutoField"
