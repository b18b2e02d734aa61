"""The environment, the site before, and the site after the page was followed."""

from __future__ import annotations

import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import FileBlock, Page
from tests.monolith.building import Project, build_wheel, start_project
from tests.monolith.processes import Redis, wait_for
from tests.monolith.serving import PEOPLE, Browser, Live, answers, browser, started
from tests.servers import ROOT, free_port

INTEGRATION = Page(ROOT / "docs/integration.md")
# What holds for this site: it has Redis already, and an app called notifications.
CONDITIONS = ("", "on SQLite", "if a label is taken")


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """The team's Redis."""
    redis = Redis(tmp_path_factory.mktemp("redis"))
    redis.start()
    yield redis
    redis.stop()


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean virtual environment with what step 1 installs."""
    folder = tmp_path_factory.mktemp("environment")
    wheel = build_wheel(folder)
    venv.create(folder / "venv", with_pip=True)
    project = Project(folder, folder / "venv", {"PIP_FIND_LINKS": str(wheel.parent)})
    (install,) = [command for command in INTEGRATION.commands() if command.startswith("pip ")]
    project.shell(f"{install} --quiet --disable-pip-version-check")
    return project.venv


@pytest.fixture(scope="session")
def before(
    environment: Path,
    redis: Redis,
    tmp_path_factory: pytest.TempPathFactory,
) -> Project:
    """The team's site, before."""
    folder = tmp_path_factory.mktemp("before") / "site"
    return start_project(folder, environment, {"REDIS_URL": redis.url})


@pytest.fixture(scope="session")
def blocks() -> list[FileBlock]:
    """What the page has this site write into its files."""
    return INTEGRATION.files(CONDITIONS)


@pytest.fixture(scope="session")
def site(
    before: Project, blocks: list[FileBlock], tmp_path_factory: pytest.TempPathFactory
) -> Project:
    """The site after the page was followed, but for the server."""
    project = before.copy(tmp_path_factory.mktemp("after") / "site")
    project.follow(blocks)
    for command in INTEGRATION.commands():
        if command.startswith("python manage.py") and " serve " not in command:
            project.shell(command)
    return project


@pytest.fixture(scope="session")
def live(site: Project) -> Iterator[Live]:
    """The site, served as the page and its team say."""
    site.python(PEOPLE)
    (command,) = [command for command in INTEGRATION.commands() if " serve " in command]
    ports = free_port(), free_port()
    wsgi = ["python", "manage.py", "runserver", "--noreload", str(ports[0])]
    asgi = [*command.split()[:-1], str(ports[1])]
    with started(site, wsgi) as pages, started(site, asgi) as realtime:
        found = Live(site, f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}/live")
        wait_for(lambda: answers(f"{found.pages}/login/"), pages)
        wait_for(lambda: answers(f"{found.realtime}/readyz"), realtime)
        yield found


@pytest.fixture(scope="session")
def alice(live: Live) -> Iterator[Browser]:
    with browser(live, "alice") as found:
        yield found


@pytest.fixture(scope="session")
def bob(live: Live) -> Iterator[Browser]:
    with browser(live, "bob") as found:
        yield found
