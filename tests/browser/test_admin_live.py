"""Live connections and nodes in the admin, while somebody has the site open."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.looking import expect_connection
from tests.browser.site import PHONE
from tests.browser.test_accessibility import looks, problems, sizes
from tests.browser.test_admin_data import DJANGO_S_OWN

CONNECTIONS = "/admin/realtime/session/"
NODES = "/admin/realtime/node/"
LISTS = (CONNECTIONS, NODES, "/admin/realtime/polllease/")


def choose(admin: Page, user: str) -> None:
    """Find the user's connection, and ask for its end."""
    admin.goto(CONNECTIONS)
    admin.get_by_label("user", exact=True).fill(user)
    admin.get_by_role("button", name="Filter user").click()
    # The newest comes first: one that a page before has left may still be there.
    row = admin.locator("#result_list tbody tr").first
    expect(row).to_contain_text(user)
    row.get_by_role("checkbox").check()
    admin.get_by_label("Action:").select_option(label="Disconnect…")
    admin.get_by_role("button", name="Go").click()


@sizes
def test_a_connection_is_ended_and_its_client_comes_back(open_page: OpenPage, phone: bool) -> None:
    emma = open_page("emma")
    admin = open_page("alice", phone=phone)
    choose(admin, "emma")
    expect(admin.locator("#content")).to_contain_text("You are about to end this connection")
    expect(admin.locator("#content")).to_contain_text("emma")
    with emma.expect_websocket():
        admin.get_by_role("button", name="Disconnect").click()
    expect(admin.locator(".messagelist")).to_contain_text("1 connection was told to end")
    expect(admin).to_have_url(re.compile(r"\?user=emma$"))
    expect_connection(emma, "Connected")


def test_who_cancels_is_back_on_the_list_as_it_was(open_page: OpenPage) -> None:
    open_page("emma")
    admin = open_page("alice")
    choose(admin, "emma")
    admin.get_by_role("link", name="Cancel").click()
    expect(admin).to_have_url(re.compile(r"\?user=emma$"))
    expect(admin.locator("#result_list tbody tr").first).to_contain_text("emma")


def test_from_a_node_to_its_connections(open_page: OpenPage) -> None:
    open_page("emma")
    admin = open_page("alice")
    admin.goto(NODES)
    row = admin.locator("#result_list tbody tr")
    expect(row).to_contain_text("living")
    row.locator(".field-connections_of").get_by_role("link").click()
    admin.locator("#result_list tbody tr", has_text="emma").first.locator("th a").click()
    expect(admin.locator("#content")).to_contain_text("WebSocket")
    admin.locator(".field-on_node").get_by_role("link").click()
    expect(admin.locator("#content")).to_contain_text("Events behind")


@looks
@sizes
def test_the_pages_can_be_used_by_everybody(open_page: OpenPage, scheme: str, phone: bool) -> None:
    open_page("emma")
    admin = open_page("alice", scheme=scheme, phone=phone)

    def look() -> None:
        assert problems(admin, apart_from=DJANGO_S_OWN) == [], admin.url
        if phone:
            assert admin.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]

    for path in LISTS:
        admin.goto(path)
        look()
    for path in (CONNECTIONS, NODES):
        admin.goto(path)
        admin.locator("#result_list tbody th a").first.click()
        admin.wait_for_url("**/change/**")  # loaded: else the page before might be looked at
        look()
    choose(admin, "emma")
    expect(admin.locator("#content")).to_contain_text("You are about to end this connection")
    look()
