"""Everything by keyboard alone."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.looking import message, show


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the focus is on what is called so."""
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        label = focused.get_attribute("aria-label") or focused.inner_text()
        if name in label:
            return
    raise AssertionError(f"Tab does not lead to {name}")


def test_the_first_stop_skips_to_the_content(open_page: OpenPage) -> None:
    alice = open_page("alice")
    alice.reload()
    alice.keyboard.press("Tab")
    expect(alice.get_by_role("link", name="Skip to the content")).to_be_focused()
    expect(alice.get_by_role("link", name="Skip to the content")).to_be_in_viewport()


def test_a_view_that_opens_gets_the_focus(open_page: OpenPage) -> None:
    alice = open_page("alice")
    tab_to(alice, "Notifications")
    alice.keyboard.press("Enter")
    expect(alice.get_by_role("heading", name="Notifications")).to_be_focused()


def test_a_post_is_liked_and_commented_on(open_page: OpenPage) -> None:
    dan = open_page("dan")
    expect(dan.locator("#posts > li").first).to_be_visible()
    tab_to(dan, "Comment")
    dan.keyboard.press("Enter")
    tab_to(dan, "Your comment")
    dan.keyboard.type("Without a mouse")
    dan.keyboard.press("Enter")
    expect(dan.locator(".comment").filter(has_text="Without a mouse")).to_be_visible()
    expect(dan.locator(":focus")).to_have_attribute("aria-label", "Your comment")


def test_a_message_is_written_and_sent(open_page: OpenPage) -> None:
    alice = open_page("alice")
    show(alice, "messages")
    expect(alice.get_by_role("link", name="Emma Lindqvist")).to_be_visible()
    tab_to(alice, "Emma Lindqvist")
    alice.keyboard.press("Enter")
    expect(alice.get_by_label("Message", exact=True)).to_be_focused()
    alice.keyboard.type("One line")
    alice.keyboard.press("Shift+Enter")
    alice.keyboard.type("and another")
    alice.keyboard.press("Enter")
    expect(message(alice, "One line")).to_contain_text("and another")
    expect(alice.get_by_label("Message", exact=True)).to_be_focused()


def test_marking_read_leaves_the_focus_in_the_list(open_page: OpenPage) -> None:
    bob = open_page("bob")
    show(bob, "notifications")
    buttons = bob.locator(".mark-read:visible")
    expect(buttons.nth(1)).to_be_visible()
    second = buttons.nth(1).inner_text()
    buttons.first.focus()
    bob.keyboard.press("Enter")
    expect(bob.locator(":focus")).to_have_text(second, use_inner_text=True)
