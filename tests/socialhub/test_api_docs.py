"""The page with the API's documentation: nothing on it comes from elsewhere."""

from __future__ import annotations

import re

from django.contrib.staticfiles import finders
from django.test import Client


def test_the_docs_load_nothing_from_other_hosts(client: Client) -> None:
    page = client.get("/api/docs").content.decode()
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(sources) >= 4
    assert [source for source in sources if not re.match(r"/(?!/)", source)] == []
    for source in sources:
        if source.startswith("/static/"):
            assert finders.find(source.removeprefix("/static/")), source


def test_the_docs_have_no_inline_script(client: Client) -> None:
    page = client.get("/api/docs").content.decode()
    assert re.findall(r"<script[^>]*>\s*[^<\s]", page) == []
    script = client.get("/api/docs?script=")
    assert "/api/openapi.json" in script.content.decode()


def test_the_schema_is_served(client: Client) -> None:
    assert "/api/v1/realtime/poll" in client.get("/api/openapi.json").json()["paths"]
