"""The same site in a hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.looking import message, say, show
from tests.browser.site import Person


@pytest.fixture
def alice(open_page: OpenPage) -> Page:
    return open_page("alice", phone=True)


def test_the_bar_below_leads_everywhere(alice: Page) -> None:
    for name in ("Messages", "Notifications", "People", "Feed"):
        alice.get_by_role("navigation", name="Main").get_by_role("link", name=name).tap()
        expect(alice.get_by_role("heading", name=name, exact=True)).to_be_in_viewport()


@pytest.mark.parametrize("view", ["feed", "messages", "messages/new", "notifications", "people"])
def test_nothing_is_wider_than_the_screen(alice: Page, view: str) -> None:
    show(alice, view)
    alice.locator(f'[data-view="{view.split("/")[0]}"]').wait_for()
    assert alice.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_conversation_has_the_screen_to_itself(
    alice: Page, person: Callable[[str], Person]
) -> None:
    talk = person("bob").talk_with("alice")
    show(alice, "messages")
    alice.get_by_role("link", name="Bob Baker").tap()
    assert alice.url.endswith(f"#/messages/{talk}")
    expect(alice.get_by_role("heading", name="Messages")).to_be_hidden()
    expect(alice.get_by_label("Message", exact=True)).to_be_in_viewport(ratio=1)
    say(alice, "From the bus")
    expect(message(alice, "From the bus")).to_be_in_viewport()
    alice.get_by_role("link", name="Back to the conversations").tap()
    expect(alice.get_by_role("heading", name="Messages")).to_be_visible()


def test_the_header_leads_to_the_connection(alice: Page) -> None:
    alice.locator("#connection-pill").tap()
    expect(alice.get_by_role("button", name="Cut the connection")).to_be_visible()
