"""The nodes' figures in the admin, drawn as they come."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.site import PHONE, ROOT, Person, Site
from tests.browser.test_accessibility import looks, problems, sizes
from tests.browser.test_admin_data import DJANGO_S_OWN
from tests.browser.test_connection import NO_WEBSOCKETS
from tests.servers import Address, free_port, wait_until_ready

NODES = "/admin/realtime/node/"
DASHBOARD = f"{NODES}dashboard/"
# Longer than a node is silent before it counts as gone, and than a client waits for an answer.
PATIENCE_MS = 25_000
STAFF = """
from django.contrib.auth.models import Permission, User
user = User.objects.get(username="{name}")
User.objects.filter(pk=user.pk).update(is_staff={is_staff})
user.user_permissions.set(Permission.objects.filter(codename="view_node"))
"""
DRAWN = re.compile(r"M\d")


@pytest.fixture
def admin(open_page: OpenPage) -> Page:
    """Alice, of the staff, with the dashboard open and its first figures."""
    page = open_page("alice")
    page.goto(NODES)
    page.get_by_role("link", name="Dashboard").click()
    has_figures(page)
    return page


@pytest.fixture
def other_node(site: Site) -> Iterator[Address]:
    """Another server process on the same database, and no channel layer between the two."""
    port = free_port()
    command = [sys.executable, "manage.py", "serve", "--port", str(port)]
    server = subprocess.Popen(
        command, cwd=ROOT, env=site.environment, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    )
    address = Address(port, server.pid)
    try:
        wait_until_ready(address, lambda: server.poll() is None)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


def has_figures(page: Page) -> None:
    expect(state(page)).to_have_text("Live")
    expect(figure(page, "Connections")).to_have_text(re.compile(r"^\d+$"))


def state(page: Page) -> Locator:
    return page.locator("#realtime-state")


def tile(page: Page, name: str) -> Locator:
    return page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=name))


def figure(page: Page, name: str) -> Locator:
    return tile(page, name).locator(".realtime-figure")


def test_figures_and_charts_move_when_something_happens(
    admin: Page, open_page: OpenPage, person: Callable[[str], Person]
) -> None:
    expect(tile(admin, "Connections").locator(".realtime-line")).to_have_attribute("d", DRAWN)
    before = int(figure(admin, "Connections").inner_text())
    open_page("emma")
    expect(figure(admin, "Connections")).to_have_text(str(before + 1))
    expect(figure(admin, "Deliveries a second")).to_have_text("0")
    person("dan").post("posts", {"text": "@emma, for the dashboard"})
    # The figures are of two seconds; what is of five minutes is still there when we look.
    expect(tile(admin, "Delivery latency, p99")).to_contain_text(re.compile(r"highest [\d.]+\sm?s"))
    chart = tile(admin, "Deliveries a second").get_by_role("img")
    expect(chart).to_have_accessible_name(
        re.compile(r"^Deliveries a second, the last 5 minutes: 0 to (?!0$)")
    )
    row = admin.locator("#realtime-rows tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("serving")


def test_a_lost_connection_shows_and_comes_back(admin: Page) -> None:
    admin.context.set_offline(True)
    expect(state(admin)).to_contain_text("Offline", timeout=PATIENCE_MS)
    expect(state(admin)).to_contain_text("The figures are of")
    expect(admin.locator("#content-main")).to_have_class(re.compile("is-stale"))
    assert problems(admin, apart_from=DJANGO_S_OWN) == []
    admin.context.set_offline(False)
    expect(state(admin)).to_have_text("Live", timeout=PATIENCE_MS)
    expect(admin.locator("#content-main")).not_to_have_class(re.compile("is-stale"))
    expect(admin.locator("#realtime-rows")).to_contain_text("serving")


def test_where_there_are_no_websockets_polls_bring_the_figures(open_page: OpenPage) -> None:
    admin = open_page("alice")
    admin.add_init_script(NO_WEBSOCKETS)
    admin.goto(DASHBOARD)
    expect(state(admin)).to_contain_text("Polling")
    expect(figure(admin, "Connections")).to_have_text(re.compile(r"^\d+$"))


def test_a_node_that_cannot_be_heard_is_named_with_the_reason(
    open_page: OpenPage, other_node: Address
) -> None:
    admin = open_page("alice")
    admin.goto(DASHBOARD)
    has_figures(admin)
    expect(admin.get_by_text("share no channel layer")).to_be_visible()
    silent = admin.locator("#realtime-rows tr").filter(has_text=str(other_node.pid))
    expect(silent).to_contain_text("no report for", timeout=PATIENCE_MS)
    expect(state(admin)).to_contain_text(f"{other_node.pid}: no report.")


def test_whose_permission_has_ended_sees_old_figures_as_such(
    open_page: OpenPage, site: Site
) -> None:
    site.manage("shell", "-c", STAFF.format(name="farid", is_staff=True))
    farid = open_page("farid")
    farid.goto(DASHBOARD)
    has_figures(farid)
    site.manage("shell", "-c", STAFF.format(name="farid", is_staff=False))
    expect(state(farid)).to_contain_text("No reports arrive", timeout=2 * PATIENCE_MS)
    expect(farid.locator("#content-main")).to_have_class(re.compile("is-stale"))
    farid.reload()
    expect(farid.locator("#realtime-state")).to_have_count(0)


def test_who_has_signed_out_is_told(admin: Page) -> None:
    other = admin.context.new_page()
    other.goto("/admin/")
    other.get_by_role("button", name="Log out").click()
    expect(state(admin)).to_contain_text("sign in again", timeout=PATIENCE_MS)


@looks
@sizes
def test_it_can_be_used_by_everybody(open_page: OpenPage, scheme: str, phone: bool) -> None:
    admin = open_page("alice", scheme=scheme, phone=phone)
    admin.goto(DASHBOARD)
    has_figures(admin)
    assert problems(admin, apart_from=DJANGO_S_OWN) == []
    if phone:
        assert admin.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
