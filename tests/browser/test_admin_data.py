"""The admin's data pages, as an operator uses them, while somebody has the site open."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.looking import badge, show
from tests.browser.site import PHONE, Person
from tests.browser.test_accessibility import looks, problems, sizes

NOTIFICATIONS = "/admin/notifications/notification/"
EVENTS = "/admin/realtime/event/"
CONVERSATIONS = "/admin/messaging/conversation/"
# What Django's theme makes of every list and page.
DJANGO_S_OWN = (".breadcrumbs", "#toolbar")
PAGES = (
    NOTIFICATIONS,
    f"{NOTIFICATIONS}1/change/",
    f"{EVENTS}?user=alice",
    f"{EVENTS}12/change/",
    f"{EVENTS}replay/?sequence=12",
    CONVERSATIONS,
    f"{CONVERSATIONS}2/change/",
    "/admin/messaging/message/",
    "/admin/messaging/message/1/change/",
    "/admin/presence/presence/",
)


@pytest.fixture
def admin(open_page: OpenPage) -> Page:
    """Alice, of the staff."""
    return open_page("alice")


@pytest.fixture
def emma(open_page: OpenPage, person: Callable[[str], Person]) -> Page:
    """Emma, who has just been told of one thing."""
    person("emma").post("notifications/read-all")
    page = open_page("emma")
    expect(badge(page, "notifications")).to_be_hidden()
    person("dan").post("posts", {"text": "@emma, for the admin"})
    expect(badge(page, "notifications")).to_have_text("1 unread")
    return page


def act(admin: Page, action: str) -> None:
    """Choose an action for the newest of emma's notifications."""
    admin.goto(f"{NOTIFICATIONS}?recipient=emma")
    admin.locator("#result_list tbody tr").first.get_by_role("checkbox").check()
    admin.get_by_label("Action:").select_option(label=action)
    admin.get_by_role("button", name="Go").click()


def test_marking_shows_on_the_page_of_whom_it_is_for(admin: Page, emma: Page) -> None:
    show(emma, "notifications")
    act(admin, "Mark read, on the recipients' devices too")
    expect(admin.locator(".messagelist")).to_contain_text("1 marked read.")
    expect(badge(emma, "notifications")).to_be_hidden()
    expect(emma.locator(".notification.unread")).to_have_count(0)
    act(admin, "Mark unread, on the recipients' devices too")
    expect(admin.locator(".messagelist")).to_contain_text("1 marked unread.")
    expect(badge(emma, "notifications")).to_have_text("1 unread")
    expect(emma.locator(".notification.unread")).to_have_count(1)


def test_what_was_read_with_all_others_becomes_unread_too(admin: Page, emma: Page) -> None:
    show(emma, "notifications")
    emma.get_by_role("button", name="Mark all read").click()
    expect(badge(emma, "notifications")).to_be_hidden()
    act(admin, "Mark unread, on the recipients' devices too")
    expect(emma.locator(".notification.unread")).to_have_count(1)


def test_sent_again_it_is_not_listed_twice(admin: Page, emma: Page) -> None:
    show(emma, "notifications")
    shown = emma.locator("#notifications > li")
    expect(shown.first).to_be_visible()
    before = shown.count()
    act(admin, "Send again to the recipients' devices")
    expect(admin.locator(".messagelist")).to_contain_text("1 sent again.")
    expect(badge(emma, "notifications")).to_have_text("1 unread")
    expect(shown).to_have_count(before)


def test_from_a_notification_to_its_event_and_to_its_replay(admin: Page, emma: Page) -> None:
    admin.goto(f"{NOTIFICATIONS}?recipient=emma")
    admin.locator("#result_list tbody tr").first.get_by_role("link").first.click()
    expect(admin.locator("#content")).to_contain_text("Dan Okafor mentioned you")
    expect(admin.locator("#content")).to_contain_text("Shown as online then")
    admin.locator("#content").get_by_role("link", name=re.compile(r"^event \d+$")).first.click()
    expect(admin.locator("pre")).to_contain_text('"type": "mention"')
    admin.get_by_role("link", name="Replay to a user…").click()
    expect(admin.get_by_label("User")).to_have_value("emma")
    admin.get_by_role("button", name="Replay").click()
    expect(admin.locator(".messagelist")).to_contain_text("was published to emma again, as event")
    expect(emma.get_by_role("status").filter(has_text="Dan Okafor mentioned")).to_be_visible()
    admin.get_by_role("link", name="Events").last.click()
    admin.get_by_label("user", exact=True).fill("emma")
    admin.get_by_role("button", name="Filter user").click()
    expect(admin.locator("#result_list tbody tr").first).to_contain_text("notification")


def test_a_list_is_downloaded(admin: Page, emma: Page) -> None:
    admin.goto(f"{NOTIFICATIONS}?recipient=emma")
    admin.locator("#result_list tbody tr").first.get_by_role("checkbox").check()
    admin.get_by_label("Action:").select_option(label="Export as CSV")
    with admin.expect_download() as download:
        admin.get_by_role("button", name="Go").click()
    written = Path(download.value.path()).read_text()
    assert "Dan Okafor mentioned you" in written


@looks
@sizes
def test_the_pages_can_be_used_by_everybody(open_page: OpenPage, scheme: str, phone: bool) -> None:
    admin = open_page("alice", scheme=scheme, phone=phone)
    for path in PAGES:
        response = admin.goto(path)
        assert response is not None
        assert response.status == 200, path
        assert problems(admin, apart_from=DJANGO_S_OWN) == [], path
        if phone:
            width = admin.evaluate("document.documentElement.scrollWidth")
            assert width <= PHONE["width"], path
