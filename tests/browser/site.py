"""The site as `make serve` runs it, on a database of its own, and the browser that looks at it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

from socialhub.demo import PASSWORD
from tests.servers import Address, free_port, wait_until_ready

ROOT = Path(__file__).resolve().parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
NO_BROWSER = "Chromium is missing: apt-get install chromium"
DESKTOP: Any = {"width": 1280, "height": 800}
PHONE: Any = {"width": 390, "height": 844}


@dataclass(frozen=True)
class Site(Address):
    """The running site, and the environment of its commands."""

    environment: dict[str, str] = field(repr=False)

    def manage(self, *command: str) -> None:
        """Run `manage.py` beside the server, on its database."""
        _manage(*command, environment=self.environment)


class Person:
    """A demo user, acting through the REST API: what happens elsewhere than on the page."""

    def __init__(self, address: Address, name: str) -> None:
        self._http = httpx.Client(base_url=f"{address.http}/api/v1/", timeout=20)
        credentials = {"username": name, "password": PASSWORD}
        token = self._http.post("auth/token", json=credentials).raise_for_status().json()["access"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **query: Any) -> Any:
        return self._http.get(path, params=query).raise_for_status().json()

    def post(self, path: str, body: Any = None) -> Any:
        return self._http.post(path, json=body).raise_for_status().json()

    def delete(self, path: str) -> None:
        self._http.delete(path).raise_for_status()

    def id_of(self, username: str) -> str:
        """Another user's id."""
        found = self.get("users", search=username)["results"]
        return str(next(one["user"]["id"] for one in found if one["user"]["username"] == username))

    def talk_with(self, username: str) -> str:
        """The id of the conversation with this user."""
        people = {"participant_ids": [self.id_of(username)]}
        return str(self.post("conversations", people)["id"])

    def close(self) -> None:
        self._http.close()


@contextmanager
def running_site(directory: Path) -> Iterator[Site]:
    """`manage.py serve` with the demo's data, on a free port and a fresh SQLite file."""
    port = free_port()
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "socialhub.settings",
        "DATABASE_URL": f"sqlite:///{directory / 'site.sqlite3'}",
        "REDIS_URL": "",
        "DEBUG": "1",
        "HTTPS": "0",
    }
    for command in (("migrate", "--verbosity", "0"), ("seed_demo",)):
        _manage(*command, environment=environment)
    with (directory / "server.log").open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--port", str(port)],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        site = Site(port, server.pid, environment)
        try:
            wait_until_ready(site, lambda: server.poll() is None)
            yield site
        finally:
            server.terminate()
            server.wait(timeout=30)


def _manage(*command: str, environment: dict[str, str]) -> None:
    subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium, without a window.

    Raises:
        FileNotFoundError: there is none.
    """
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        raise FileNotFoundError(NO_BROWSER)
    flags = ["--disable-gpu", "--disable-background-networking"]
    if os.geteuid() == 0:
        flags.append("--no-sandbox")  # it refuses to have one as root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        try:
            yield browser
        finally:
            browser.close()


def sign_in(page: Page, address: Address, name: str) -> None:
    """Sign in through the form; then the feed is there, and a connection."""
    page.goto(f"{address.http}/login")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.locator("#connection-pill[data-state=connected]").wait_for()
