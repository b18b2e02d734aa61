"""Who is online, as others see it."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.looking import dot

GRACE_MS = 25_000  # a page that goes away is offline after 10 s


def test_a_status_is_seen_by_others_and_ends_with_the_page(open_page: OpenPage) -> None:
    alice, farid = open_page("alice"), open_page("farid")
    seen = dot(alice, "Farid Rahimi")
    expect(seen).to_contain_text("Online")
    farid.locator("#account summary").click()
    farid.get_by_role("radio", name="Busy").check()
    expect(seen).to_contain_text("Busy")
    expect(seen.locator(".presence")).to_have_attribute("data-status", "busy")
    farid.get_by_role("radio", name="Online").check()
    expect(seen).to_contain_text("Online")
    farid.keyboard.press("Escape")
    expect(farid.get_by_role("radio", name="Busy")).to_be_hidden()
    farid.context.close()
    expect(seen).to_contain_text("Offline", timeout=GRACE_MS)
