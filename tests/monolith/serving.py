"""The site's processes, and people in front of its pages."""

from __future__ import annotations

import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass

import httpx

from realtime.client import Client, Events
from tests.monolith.building import Project
from tests.monolith.processes import running

PASSWORD = "correct horse battery staple"
PEOPLE = f"""
from people.models import Person
for name in ("alice", "bob"):
    Person.objects.create_user(f"{{name}}@example.org", {PASSWORD!r})
Person.objects.create_superuser("root@example.org", {PASSWORD!r})
"""


@dataclass(frozen=True)
class Live:
    """The site's two processes, by their addresses."""

    project: Project
    pages: str
    realtime: str

    def log(self) -> str:
        """What is in the team's log file."""
        return (self.project.folder / "site.log").read_text()


def started(site: Project, command: list[str]) -> AbstractContextManager[subprocess.Popen[str]]:
    python = str(site.venv / "bin/python")
    return running([python, *command[1:]], site.folder, site.variables())


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


class Browser:
    """Somebody who has logged in on the site's pages, by e-mail."""

    def __init__(self, live: Live, http: httpx.Client, name: str) -> None:
        self.live = live
        self.http = http
        self.http.get("/login/")
        self.page = self.post("/login/", username=f"{name}@example.org", password=PASSWORD)

    def post(self, path: str, **form: str) -> httpx.Response:
        """Send a form, as a page of the site does."""
        token = {"X-CSRFToken": self.http.cookies["csrftoken"]}
        return self.http.post(path, data=form, headers=token).raise_for_status()

    @property
    def token(self) -> str:
        """What `{% realtime_token %}` has written into the page."""
        (token,) = re.findall(r'data-realtime-token="([^"]+)"', self.page.text)
        return str(token)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[tuple[Client, Events]]:
        """The realtime client of its page, and what it gets."""
        client = Client(self.live.realtime, token=self.token)
        events = client.events()
        async with client:
            yield client, events


@contextmanager
def browser(live: Live, name: str) -> Iterator[Browser]:
    """A browser in which this person has logged in."""
    with httpx.Client(base_url=live.pages, follow_redirects=True) as http:
        yield Browser(live, http, name)
