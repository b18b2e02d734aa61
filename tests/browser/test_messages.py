"""Alice and Bob write to each other."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.looking import badge, message, say, show
from tests.browser.site import Person


@pytest.fixture
def talk(person: Callable[[str], Person]) -> str:
    """The view of Alice's and Bob's conversation."""
    return f"messages/{person('alice').talk_with('bob')}"


@pytest.fixture
def alice(open_page: OpenPage) -> Page:
    return open_page("alice")


@pytest.fixture
def bob(open_page: OpenPage) -> Page:
    return open_page("bob")


def test_a_message_arrives_and_its_ticks_say_how_far_it_has_come(
    alice: Page, bob: Page, talk: str
) -> None:
    show(alice, talk)
    say(alice, "Is there rye today?")
    sent = message(alice, "Is there rye today?")
    expect(sent).to_contain_text("Delivered")
    expect(badge(bob, "messages")).to_be_visible()
    show(bob, talk)
    expect(message(bob, "Is there rye today?")).to_be_visible()
    expect(sent).to_contain_text("Read")
    expect(sent).to_have_count(1)


def test_typing_is_shown_and_ends_by_itself(alice: Page, bob: Page, talk: str) -> None:
    show(alice, talk)
    show(bob, talk)
    field = bob.get_by_label("Message", exact=True)
    expect(field).to_be_visible()
    field.press_sequentially("Tomorrow")
    typing = alice.locator("#typing.is-typing")
    expect(typing).to_have_text("Bob Baker is typing…")
    expect(typing).to_have_count(0)
    expect(field).to_have_value("Tomorrow")


def test_typing_ends_with_the_message(alice: Page, bob: Page, talk: str) -> None:
    show(alice, talk)
    show(bob, talk)
    bob.get_by_label("Message", exact=True).press_sequentially("Right now")
    expect(alice.locator("#typing.is-typing")).to_be_visible()
    bob.keyboard.press("Enter")
    expect(message(alice, "Right now")).to_be_visible()
    expect(alice.locator("#typing.is-typing")).to_have_count(0)


def test_history_comes_in_pages_and_what_is_new_joins_it(
    alice: Page, person: Callable[[str], Person]
) -> None:
    farid = person("farid")
    talk = farid.talk_with("alice")
    for number in range(1, 46):
        farid.post(f"conversations/{talk}/messages", {"content": f"Line {number}."})
    show(alice, f"messages/{talk}")
    expect(message(alice, "Line 45.")).to_be_in_viewport()
    expect(message(alice, "Line 3.")).to_have_count(0)
    farid.post(f"conversations/{talk}/messages", {"content": "One more."})
    expect(message(alice, "One more.")).to_be_in_viewport()
    alice.get_by_role("button", name="Show earlier messages").click()
    expect(alice.locator("#thread-messages > li")).to_have_count(46)
    texts = alice.locator("#thread-messages .message-text").all_inner_texts()
    assert texts == [f"Line {number}." for number in range(1, 46)] + ["One more."]
    expect(alice.get_by_role("button", name="Show earlier messages")).to_be_hidden()


def test_a_refused_message_stays_to_be_sent_again(alice: Page, talk: str) -> None:
    show(alice, talk)
    say(alice, "With a \x00 in it")
    failed = message(alice, "in it")
    expect(failed).to_contain_text("Not sent.")
    show(alice, "feed")
    show(alice, talk)
    expect(failed).to_contain_text("Not sent.")
    failed.get_by_role("button", name="Try again").click()
    expect(failed).to_contain_text("Not sent.")


def test_what_is_written_is_shown_as_text(alice: Page, bob: Page, talk: str) -> None:
    show(alice, talk)
    show(bob, talk)
    say(bob, "<img src=x onerror=\"document.title='owned'\"><b>bold</b>")
    expect(message(alice, "<b>bold</b>")).to_be_visible()
    expect(alice.locator("#thread-messages img")).to_have_count(0)


def test_somebody_new_can_be_written_to(alice: Page, open_page: OpenPage) -> None:
    dan = open_page("dan")
    show(dan, "messages/new")
    dan.locator("#recipient-search").fill("ali")
    expect(dan.locator("#recipients > li")).to_have_count(1)
    dan.locator("#recipients").get_by_role("button", name="Write to Alice Archer").click()
    expect(dan.get_by_role("heading", name="Alice Archer")).to_be_visible()
    say(dan, "Is the lamp free on Saturday?")
    expect(badge(alice, "messages")).to_be_visible()
    show(alice, "messages")
    expect(alice.locator("#conversations > li").first).to_contain_text("Is the lamp free")


def test_a_reload_shows_the_same_conversation(alice: Page, talk: str) -> None:
    show(alice, talk)
    say(alice, "Still here after a reload?")
    expect(message(alice, "Still here after a reload?")).to_contain_text("Delivered")
    alice.reload()
    expect(message(alice, "Still here after a reload?")).to_have_count(1)
