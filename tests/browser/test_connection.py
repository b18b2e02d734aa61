"""The connection is lost and comes back, or never was: nothing is missed, nothing is said twice."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.looking import badge, expect_connection, message, post, say, show
from tests.browser.site import Person, Site

# As where a proxy or a policy forbids them.
NO_WEBSOCKETS = """
window.WebSocket = class { constructor() { throw new DOMException("blocked", "SecurityError"); } };
"""


@pytest.fixture
def alice(open_page: OpenPage) -> Page:
    return open_page("alice")


@pytest.fixture
def carol(person: Callable[[str], Person]) -> Person:
    return person("carol")


def test_a_cut_connection_recovers_with_what_was_missed(alice: Page, carol: Person) -> None:
    talk = carol.talk_with("alice")
    show(alice, f"messages/{talk}")
    expect(message(alice, "The bowl is on your doorstep.")).to_be_visible()
    alice.get_by_role("button", name="Cut the connection").click()
    expect_connection(alice, "Reconnecting")
    carol.post(f"conversations/{talk}/messages", {"content": "Said while you were away"})
    say(alice, "Written while I was away")
    expect_connection(alice, "Connected")
    expect(message(alice, "Said while you were away")).to_be_visible()
    expect(message(alice, "Written while I was away")).to_contain_text("Delivered")
    expect(message(alice, "Written while I was away")).to_have_count(1)
    expect(alice.locator(".toast").filter(has_text="Connected again.")).to_be_visible()


def test_without_a_network_what_is_sent_waits_for_it(alice: Page, carol: Person) -> None:
    talk = carol.talk_with("alice")
    show(alice, f"messages/{talk}")
    expect(message(alice, "The bowl is on your doorstep.")).to_be_visible()
    alice.context.set_offline(True)
    expect_connection(alice, "Offline")
    say(alice, "From the tunnel")
    expect(message(alice, "From the tunnel")).to_contain_text("Waiting to be sent")
    carol.post(f"conversations/{talk}/messages", {"content": "From outside the tunnel"})
    alice.context.set_offline(False)
    expect_connection(alice, "Connected")
    expect(message(alice, "From the tunnel")).to_contain_text("Delivered")
    expect(message(alice, "From outside the tunnel")).to_be_visible()


def test_a_message_that_was_not_answered_in_time_is_sent_again_once(
    alice: Page, carol: Person
) -> None:
    talk = carol.talk_with("alice")
    show(alice, f"messages/{talk}")
    expect(message(alice, "The bowl is on your doorstep.")).to_be_visible()
    alice.context.set_offline(True)
    expect_connection(alice, "Offline")
    say(alice, "From a long tunnel")
    sent = message(alice, "From a long tunnel")
    expect(sent).to_contain_text("Not sent.", timeout=20_000)
    alice.context.set_offline(False)
    expect(sent).to_contain_text("Delivered", timeout=20_000)
    expect(sent).to_have_count(1)
    alice.reload()
    expect(sent).to_have_count(1)


def test_where_events_are_missing_the_state_is_fetched_again(
    alice: Page, carol: Person, site: Site
) -> None:
    talk = carol.talk_with("alice")
    show(alice, f"messages/{talk}")
    expect(message(alice, "The bowl is on your doorstep.")).to_be_visible()
    alice.get_by_role("button", name="Cut the connection").click()
    expect_connection(alice, "Reconnecting")
    carol.post(f"conversations/{talk}/messages", {"content": "Of an epoch that has ended"})
    carol.post("posts", {"text": "Of that epoch, too"})
    site.manage("new_epoch", "--no-input")
    expect_connection(alice, "Connected")
    expect(message(alice, "Of an epoch that has ended")).to_be_visible()
    show(alice, "feed")
    expect(post(alice, "Of that epoch, too")).to_be_visible()


def test_where_sockets_are_closed_at_once_polling_takes_over(open_page: OpenPage) -> None:
    emma = open_page("emma")
    emma.route_web_socket(re.compile("/ws"), lambda socket: socket.close(code=1001))
    emma.reload()
    expect_connection(emma, "Polling")
    emma.get_by_role("button", name="Notify me").click()
    expect(emma.locator(".toast")).to_be_visible()


def test_where_there_are_no_websockets_polling_takes_over(
    open_page: OpenPage, person: Callable[[str], Person]
) -> None:
    emma = open_page("emma")
    emma.add_init_script(NO_WEBSOCKETS)
    emma.reload()
    expect_connection(emma, "Polling")
    dan = person("dan")
    talk = dan.talk_with("emma")
    show(emma, f"messages/{talk}")
    dan.post(f"conversations/{talk}/messages", {"content": "Over HTTP, too"})
    expect(message(emma, "Over HTTP, too")).to_be_visible()
    say(emma, "And back")
    expect(message(emma, "And back")).to_contain_text("Delivered")
    assert dan.get(f"conversations/{talk}/messages")["results"][0]["content"] == "And back"
    show(emma, "feed")
    dan.post("posts", {"text": "Seen by a poll"})
    expect(emma.get_by_role("button", name="1 new post")).to_be_visible()


def test_a_reload_misses_nothing(
    alice: Page, carol: Person, person: Callable[[str], Person]
) -> None:
    carol.post("posts", {"text": "@alice before the reload"})
    expect(alice.locator(".toast").filter(has_text="before the reload")).to_be_visible()
    alice.reload()
    unread = person("alice").get("notifications/unread-count")["unread_count"]
    assert unread
    expect(badge(alice, "notifications")).to_have_text(f"{unread} unread")


def test_who_signs_out_elsewhere_is_told(alice: Page) -> None:
    other = alice.context.new_page()
    other.goto("/")
    expect_connection(other, "Connected")
    other.locator("#account summary").click()
    other.get_by_role("button", name="Sign out").click()
    expect(other.get_by_role("heading", name="Notifications that arrive")).to_be_visible()
    expect(alice).to_have_url(re.compile("/login$"))
