"""Fixtures: the site, the browser, and people in front of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.site import DESKTOP, PHONE, Person, Site, chromium, running_site, sign_in

TIMEOUT_MS = 10_000

expect.set_options(timeout=TIMEOUT_MS)

OpenPage = Callable[..., Page]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site")) as started:
        yield started


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    try:
        with chromium() as opened:
            yield opened
    except FileNotFoundError as error:
        pytest.exit(str(error), returncode=1)


@pytest.fixture
def new_context(browser: Browser, site: Site) -> Iterator[Callable[..., BrowserContext]]:
    """Open a browser profile of its own; its pages may raise no error."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def open_context(*, phone: bool = False, scheme: Any = "light") -> BrowserContext:
        context = browser.new_context(
            viewport=PHONE if phone else DESKTOP,
            is_mobile=phone,
            has_touch=phone,
            color_scheme=scheme,
            base_url=site.http,
        )
        context.set_default_timeout(TIMEOUT_MS)
        context.on("weberror", lambda error: errors.append(str(error.error)))
        contexts.append(context)
        return context

    yield open_context
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def open_page(new_context: Callable[..., BrowserContext], site: Site) -> OpenPage:
    """`open_page("alice")`: a page of the site, signed in; `phone=True`, `scheme="dark"`."""

    def open_signed_in(name: str, **options: Any) -> Page:
        page = new_context(**options).new_page()
        sign_in(page, site, name)
        return page

    return open_signed_in


@pytest.fixture
def person(site: Site) -> Iterator[Callable[[str], Person]]:
    """`person("carol")`: a demo user who acts elsewhere, through the REST API."""
    people: list[Person] = []

    def act_as(name: str) -> Person:
        people.append(Person(site, name))
        return people[-1]

    yield act_as
    for one in people:
        one.close()
