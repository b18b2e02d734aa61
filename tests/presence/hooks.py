"""Hooks as a site may set them."""

from __future__ import annotations

from django.contrib.auth import get_user_model

from tests.people import login_name


def not_carol(watcher_id: str, watched_id: str) -> bool:
    """A `MAY_WATCH` that hides Carol from everybody."""
    return not login_name(get_user_model()._default_manager.get(pk=watched_id)).startswith("carol")
