"""A broadcast in the admin, from the form to its end, as an operator goes through it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.looking import badge, show
from tests.browser.site import PHONE, Person, Site
from tests.browser.test_accessibility import looks, problems, sizes
from tests.browser.test_admin_data import DJANGO_S_OWN

BROADCASTS = "/admin/notifications/broadcast/"
# One that an operator has stopped before anybody was told.
STOPPED = """
from notifications import broadcasts
from notifications.audiences import Audience
content = broadcasts.Content(message="The bridge is shut")
row = broadcasts.draft(content, Audience("all active users"))
row.state, row.total = "stopped", 6
row.save()
"""


@pytest.fixture
def admin(open_page: OpenPage) -> Page:
    """Alice, of the staff."""
    return open_page("alice")


def write(admin: Page, text: str, *, to: str) -> None:
    """Fill in the form, for a user by name, and look at the preview."""
    admin.goto(BROADCASTS)
    admin.get_by_role("link", name="Add broadcast").last.click()
    expect(admin.get_by_label("Users:", exact=True)).to_be_hidden()
    admin.get_by_label("Users by name").check()
    admin.get_by_label("Users:", exact=True).fill(to)
    admin.get_by_label("Text:").fill(text)
    admin.get_by_role("button", name="Preview").click()


def test_written_looked_at_confirmed_and_watched_to_its_end(
    admin: Page, open_page: OpenPage, person: Callable[[str], Person]
) -> None:
    person("emma").post("notifications/read-all")
    emma = open_page("emma")
    expect(badge(emma, "notifications")).to_be_hidden()
    write(admin, "The footbridge stays open", to="emma")
    preview = admin.locator("#content")
    expect(preview).to_contain_text("1 user")
    expect(preview.locator("blockquote")).to_have_text("The footbridge stays open")
    expect(preview.locator("pre")).to_contain_text('"type": "announcement"')
    admin.get_by_role("button", name="Back").click()
    admin.get_by_label("Text:").fill("The footbridge is shut")
    admin.get_by_role("button", name="Preview").click()
    admin.get_by_role("button", name="Notify 1 user").click()
    expect(admin.locator(".messagelist")).to_contain_text("The broadcast is queued")
    # Nobody loads the page again: it follows by itself.
    expect(admin.locator("#broadcast-state")).to_have_text("Done")
    expect(admin.locator("#broadcast-progress")).to_contain_text("1 notified")
    expect(admin.locator("#broadcast-ended")).to_contain_text("ago")
    expect(admin.get_by_role("button", name="Stop")).to_have_count(0)
    expect(badge(emma, "notifications")).to_have_text("1 unread")
    show(emma, "notifications")
    expect(emma.locator("#notifications")).to_contain_text("The footbridge is shut")


def test_what_is_wrong_is_said_at_its_field_and_nothing_is_lost(admin: Page) -> None:
    write(admin, "Hello", to="nobody")
    expect(admin.locator(".field-users .errorlist")).to_contain_text("There is no user 'nobody'")
    expect(admin.get_by_label("Text:")).to_have_value("Hello")
    expect(admin.get_by_label("Users:", exact=True)).to_have_value("nobody")


@pytest.fixture
def stopped(site: Site) -> Iterator[None]:
    site.manage("shell", "-c", STOPPED)
    yield
    site.manage(
        "shell", "-c", "from notifications.models import *; Broadcast.objects.all().delete()"
    )


def test_one_that_was_stopped_is_resumed(admin: Page, stopped: None) -> None:
    admin.goto(BROADCASTS)
    admin.get_by_role("link", name="The bridge is shut").click()
    expect(admin.locator("#broadcast-progress")).to_contain_text("0 of 6 notified")
    admin.get_by_role("button", name="Resume").click()
    expect(admin.locator(".messagelist")).to_contain_text("Resumed")
    expect(admin.locator("#broadcast-state")).to_have_text("Done")
    admin.get_by_role("link", name="History").click()
    expect(admin.locator("#content")).to_contain_text("Resumed, 0 notified.")


@looks
@sizes
def test_the_steps_can_be_used_by_everybody(
    open_page: OpenPage, stopped: None, scheme: str, phone: bool
) -> None:
    admin = open_page("alice", scheme=scheme, phone=phone)

    def check(step: str) -> None:
        assert problems(admin, apart_from=DJANGO_S_OWN) == [], step
        if phone:
            width = admin.evaluate("document.documentElement.scrollWidth")
            assert width <= PHONE["width"], step

    admin.goto(BROADCASTS)
    check("list")
    admin.goto(f"{BROADCASTS}add/")
    admin.locator("summary").filter(has_text="Link, data, parameters").click()
    check("form")
    admin.get_by_label("Users by their fields").check()
    admin.get_by_role("button", name="Preview").click()
    expect(admin.get_by_text("Please correct the error")).to_be_visible()
    check("errors")
    admin.get_by_label("All active users").check()
    admin.get_by_label("Text:").fill("A" * 300)
    admin.get_by_role("button", name="Preview").click()
    expect(admin.get_by_role("button", name="Notify 6 users")).to_be_visible()
    check("preview")
    admin.goto(BROADCASTS)
    admin.get_by_role("link", name="The bridge is shut").click()
    expect(admin.get_by_role("button", name="Resume")).to_be_visible()
    check("page")
