"""Fixtures: people, servers, and options of the engine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache

from notifications import coalesced
from realtime.throttling import local_counts
from tests.people import make_user
from tests.servers import Address, uvicorn_thread

# pytest-django has chosen; processes that tests start are to choose the same.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")


# They need more than Python, or build an environment of their own.
ASKED_FOR_BY_NAME = {
    Path(__file__).parent / name for name in ("browser", "monolith", "docs/tools", "deploy")
}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Some tests run only when they are asked for by name."""
    asked = any(Path(arg).resolve().is_relative_to(collection_path) for arg in config.args)
    return True if collection_path in ASKED_FOR_BY_NAME and not asked else None


def pytest_configure(config: pytest.Config) -> None:
    for marker in (
        "options(**options): set options of REALTIME",
        "named_users: about users with a username",
        "email_users: about users who log in by e-mail",
        "walks(sends, receives): the types of frames that a scenario goes through",
    ):
        config.addinivalue_line("markers", marker)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Each run takes the tests that are about its kind of users."""
    by_email = get_user_model().USERNAME_FIELD == "email"
    other = "named_users" if by_email else "email_users"
    left_out = [item for item in items if item.get_closest_marker(other)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(autouse=True)
def options(request: pytest.FixtureRequest, settings: Any) -> None:
    """Apply `@pytest.mark.options(POLLS_PER_MINUTE=3)`."""
    if marker := request.node.get_closest_marker("options"):
        settings.REALTIME = {**settings.REALTIME, **marker.kwargs}


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    cache.clear()
    local_counts.clear()


@pytest.fixture(autouse=True)
def _announced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages that a test sends after one another count as such, however busy the machine."""
    monkeypatch.setattr(coalesced, "ANNOUNCE_INTERVAL", timedelta(hours=1))


@pytest.fixture
def alice(transactional_db: None) -> Any:
    return make_user("alice")


@pytest.fixture
def bob(transactional_db: None) -> Any:
    return make_user("bob")


@pytest.fixture
def carol(transactional_db: None) -> Any:
    """The outsider."""
    return make_user("carol")


@pytest.fixture
def server(transactional_db: None, options: None) -> Iterator[Address]:
    """The site on uvicorn."""
    with uvicorn_thread() as address:
        yield address
