"""The bell: what it counts, and where its entries lead."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.looking import badge, show
from tests.browser.site import Person


@pytest.fixture
def emma(open_page: OpenPage, person: Callable[[str], Person]) -> Page:
    """Emma's page, with nothing unread."""
    person("emma").post("notifications/read-all")
    page = open_page("emma")
    expect(badge(page, "notifications")).to_be_hidden()
    return page


def test_a_notification_is_counted_listed_and_said(
    emma: Page, person: Callable[[str], Person]
) -> None:
    person("dan").post("posts", {"text": "@emma, the baritone is ready"})
    expect(badge(emma, "notifications")).to_have_text("1 unread")
    expect(emma.get_by_role("status").filter(has_text="Dan Okafor mentioned you")).to_be_visible()
    emma.get_by_role("link", name="Notifications").click()
    entry = emma.locator("#notifications > li").first
    expect(entry).to_contain_text("Dan Okafor mentioned you")
    entry.get_by_role("link").click()
    expect(emma.locator("#single-post")).to_contain_text("the baritone is ready")
    expect(badge(emma, "notifications")).to_be_hidden()


def test_what_is_read_in_one_window_is_read_in_the_other(
    emma: Page, open_page: OpenPage, person: Callable[[str], Person]
) -> None:
    other = open_page("emma")
    dan = person("dan")
    for text in ("@emma one", "@emma two"):
        dan.post("posts", {"text": text})
    show(emma, "notifications")
    expect(badge(other, "notifications")).to_have_text("2 unread")
    emma.get_by_role("button", name="Mark as read: Dan Okafor mentioned you: “@emma two”").click()
    expect(badge(other, "notifications")).to_have_text("1 unread")
    emma.get_by_role("button", name="Mark all read").click()
    expect(badge(other, "notifications")).to_be_hidden()
    expect(emma.locator(".notification.unread")).to_have_count(0)


def test_the_button_makes_something_happen(emma: Page) -> None:
    emma.get_by_role("button", name="Notify me").click()
    expect(badge(emma, "notifications")).to_have_text("1 unread")
