"""The site as `make docs` has built it."""

from __future__ import annotations

import re

import pytest

from tests.docs.test_python_api import SHOWN
from tests.servers import ROOT

PAGES = sorted((ROOT / "site").rglob("*.html"))
LOADED = re.compile(r"<(?:script|img|link|iframe|source)\b[^>]*?\b(?:src|href)=\"(\w+:)?//[^>]*>")
# What a search engine is told, which no browser loads.
TOLD = 'rel="canonical"'


def test_it_was_built() -> None:
    assert len(PAGES) > 15


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_loads_nothing_from_elsewhere(page: str) -> None:
    html = (ROOT / page).read_text()
    assert [tag[0] for tag in LOADED.finditer(html) if TOLD not in tag[0]] == []


@pytest.mark.parametrize("module", SHOWN)
def test_the_python_api_has_everything_with_its_docstring(module: str) -> None:
    html = (ROOT / "site/python-api.html").read_text()
    for name in SHOWN[module]:
        assert f'id="{module}.{name}"' in html
