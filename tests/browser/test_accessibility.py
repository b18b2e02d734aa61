"""axe finds nothing serious on any view, light or dark, on a desk or in a hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.looking import show
from tests.browser.site import Person

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
WORST = {"serious", "critical"}

looks = pytest.mark.parametrize("scheme", ["light", "dark"])
sizes = pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])


def problems(page: Page, *, apart_from: Sequence[str] = ()) -> list[str]:
    """What axe has against the page as it is now, but for what these selectors find."""
    # Colours are checked as they are when nothing moves.
    page.emulate_media(reduced_motion="reduce")
    page.evaluate(AXE.read_text())
    found: Any = page.evaluate(
        "exclude => axe.run({ exclude }).then(({ violations }) => violations)",
        [[selector] for selector in apart_from],
    )
    return [
        f"{one['id']} ({one['impact']}): {node['target']}: {node['failureSummary']}"
        for one in found
        if one["impact"] in WORST
        for node in one["nodes"]
    ]


def open_views(page: Page, person: Callable[[str], Person]) -> dict[str, str]:
    """Each view, and what is on it when it is there."""
    talk = person("bob").talk_with("alice")
    return {
        "feed": "#posts > li",
        "posts/post_1": "#single-post .comment",
        "messages": "#conversations > li",
        f"messages/{talk}": "#thread-messages > li",
        "messages/new": "#recipients > li",
        "notifications": "#notifications > li",
        "people": "#people > li",
    }


@looks
@sizes
def test_the_views(
    open_page: OpenPage, person: Callable[[str], Person], scheme: str, phone: bool
) -> None:
    alice = open_page("alice", scheme=scheme, phone=phone)
    for view, shown in open_views(alice, person).items():
        show(alice, view)
        expect(alice.locator(shown).first).to_be_visible()
        assert problems(alice) == [], view


@looks
def test_the_menu_and_the_console(open_page: OpenPage, scheme: str) -> None:
    alice = open_page("alice", scheme=scheme)
    alice.locator("#account summary").click()
    assert problems(alice) == []
    alice.goto("/console")
    expect(alice.locator("#frames > li").first).to_be_visible()
    alice.locator("#frames summary").first.click()
    assert problems(alice) == []


@looks
def test_without_a_connection(open_page: OpenPage, scheme: str) -> None:
    alice = open_page("alice", scheme=scheme)
    alice.get_by_role("button", name="Cut the connection").click()
    expect(alice.locator("#connection-pill")).to_contain_text("Reconnecting")
    assert problems(alice) == []


@looks
@pytest.mark.parametrize("path", ["/", "/login"])
def test_the_pages_of_a_visitor(
    new_context: Callable[..., BrowserContext], scheme: str, path: str
) -> None:
    page = new_context(scheme=scheme).new_page()
    page.goto(path)
    assert problems(page) == []
