"""`manage.py check` tells which step of the page was left out, with the line to add."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.blocks import FileBlock, without
from tests.monolith.building import Project
from tests.monolith.conftest import CONDITIONS, INTEGRATION

KNOWN_CONDITIONS = {*CONDITIONS, "without a channel layer"}


def check(project: Project, *options: str) -> str:
    return project.manage("check", "--database", "default", *options).stdout


def test_a_site_that_follows_the_page_has_no_problems(site: Project) -> None:
    assert "no issues" in check(site)
    assert "realtime." not in check(site, "--deploy")
    assert site.manage("migrate", "--check").returncode == 0


def test_every_block_of_the_page_is_tried_here() -> None:
    assert {block.condition for block in INTEGRATION.all_files()} == KNOWN_CONDITIONS


@pytest.mark.parametrize(
    ("line", "problem", "to_add"),
    [
        ('    "realtime",', "needs others", '"realtime",'),
        ('    "notifications",', "needs others", '"notifications",'),
        # With its URLs, but without the app: Django's own words.
        ('    "presence",', "presence.models.Presence", "in an application in INSTALLED_APPS"),
        ('    "messaging",', "messaging.models", "in an application in INSTALLED_APPS"),
        ("ASGI_APPLICATION =", "realtime.E005", "ASGI_APPLICATION = 'mysite.asgi.application'"),
        ('"API_PREFIX"', "realtime.W008", "'API_PREFIX': '/live/api/"),
        ('include("realtime.health")', "realtime.W002", 'path("", include("realtime.health"))'),
        ('include("realtime.urls")', "realtime.W001", 'path("api/v1/", include("realtime.urls"))'),
        (
            'include("notifications.urls")',
            "notifications.W001",
            'path("api/v1/", include("notifications.urls"))',
        ),
        (
            'include("presence.urls")',
            "presence.W001",
            'path("api/v1/", include("presence.urls"))',
        ),
        (
            'include("messaging.urls")',
            "messaging.W001",
            'path("api/v1/", include("messaging.urls"))',
        ),
        ("urlpatterns +=", "realtime.W001", 'path("api/v1/", include("realtime.urls"))'),
        ('"transaction_mode"', "realtime.W003", "'transaction_mode': 'IMMEDIATE'"),
    ],
)
def test_a_line_that_is_left_out_is_named(
    before: Project,
    blocks: list[FileBlock],
    tmp_path: Path,
    line: str,
    problem: str,
    to_add: str,
) -> None:
    if line == '    "notifications",':
        # The label is not taken where the app is not there.
        blocks = [block for block in blocks if block.condition != "if a label is taken"]
    project = before.copy(tmp_path / "site")
    project.follow(without(blocks, line))
    told = check(project)
    assert problem in told
    assert to_add in told


def test_an_asgi_application_without_the_engine_is_found(
    before: Project, blocks: list[FileBlock], tmp_path: Path
) -> None:
    project = before.copy(tmp_path / "site")
    project.follow([block for block in blocks if block.path != "mysite/asgi.py"])
    told = check(project)
    assert "realtime.W006" in told
    assert "End mysite/asgi.py with: from realtime.routing import realtime_application" in told


def test_times_without_zones_are_found(
    before: Project, blocks: list[FileBlock], tmp_path: Path
) -> None:
    project = before.copy(tmp_path / "site")
    settings = project.folder / "mysite/settings.py"
    settings.write_text(settings.read_text().replace("USE_TZ = True", "USE_TZ = False"))
    project.follow(without(blocks, "USE_TZ = True"))
    assert "Set USE_TZ = True." in check(project)


def test_a_taken_label_is_told_by_django(
    before: Project, blocks: list[FileBlock], tmp_path: Path
) -> None:
    project = before.copy(tmp_path / "site")
    project.follow([block for block in blocks if block.condition != "if a label is taken"])
    assert "Application labels aren't unique, duplicates: notifications" in check(project)


def test_a_site_without_a_channel_layer_is_told_of_one(
    before: Project, blocks: list[FileBlock], tmp_path: Path
) -> None:
    project = before.copy(tmp_path / "site")
    project.follow(blocks)
    settings = project.folder / "mysite/settings.py"
    with settings.open("a") as more:
        more.write("CHANNEL_LAYERS = {}\n")
    assert "realtime.W007" in check(project, "--deploy")
    assert "realtime." not in check(project)
    (layer,) = INTEGRATION.files(["without a channel layer"])
    layer.write(project.folder)
    assert "realtime." not in check(project, "--deploy")
    settings.write_text(settings.read_text().replace(', "socket_timeout": 15}]},\n', "}]},\n"))
    assert "realtime.W005" in check(project)


def test_missing_tables_are_found(before: Project, blocks: list[FileBlock], tmp_path: Path) -> None:
    project = before.copy(tmp_path / "site")
    project.follow(blocks)
    assert project.manage("migrate", "--check").returncode == 1
