"""Where things are on the page, by role and name, as a person or a screen reader finds them."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect


def show(page: Page, view: str) -> None:
    """Go to a view by its address, as `messages/conv_1`."""
    page.goto(f"/#/{view}")


def message(page: Page, text: str) -> Locator:
    """One's own or another's message in the open conversation."""
    return page.locator("#thread-messages > li").filter(has_text=text)


def say(page: Page, text: str) -> None:
    """Write a message in the open conversation, and send it."""
    page.get_by_label("Message", exact=True).fill(text)
    page.get_by_role("button", name="Send", exact=True).click()


def post(page: Page, text: str) -> Locator:
    """A post of the feed."""
    return page.locator("#posts > li").filter(has_text=text)


def older_post(page: Page, text: str) -> Locator:
    """A post of the feed that newer ones may have pushed off its first page."""
    posts = page.locator("#posts > li")
    expect(posts.first).to_be_visible()
    while not (wanted := post(page, text)).count():
        shown = posts.count()
        page.get_by_role("button", name="Show older posts").click()
        expect(posts.nth(shown)).to_be_visible()
    return wanted


def badge(page: Page, view: str) -> Locator:
    """The count beside a view's link."""
    return page.locator(f'[data-nav="{view}"] .badge')


def dot(page: Page, name: str) -> Locator:
    """How a person is, in the list of people."""
    return page.locator("#people > li").filter(has_text=name)


def expect_connection(page: Page, state: str) -> None:
    """Wait until the header says so."""
    expect(page.locator("#connection-pill")).to_contain_text(state, timeout=20_000)
