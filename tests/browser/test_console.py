"""The console: every frame, live, and any frame sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.site import Person


@pytest.fixture
def console(open_page: OpenPage) -> Page:
    page = open_page("alice")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/console")
    expect(frames(page, "connect").first).to_be_visible()
    return page


def frames(page: Page, type: str) -> Locator:
    """The frames of this type, newest first."""
    return page.locator("#frames > li").filter(has=page.locator(f'strong:text-is("{type}")'))


def fill(page: Page, **frame: Any) -> None:
    page.get_by_label("Frame", exact=True).fill(json.dumps(frame))


def send(page: Page) -> None:
    page.get_by_role("button", name="Send", exact=True).click()


def test_frames_appear_as_they_go_in_and_out(console: Page, person: Callable[..., Person]) -> None:
    person("carol").post("posts", {"text": "@alice for the console"})
    seen = frames(console, "notification").first
    expect(seen).to_contain_text("for the console")
    seen.locator("summary").click()
    expect(seen.locator("pre")).to_contain_text('"type": "notification"')
    shown = json.loads(seen.locator("pre").inner_text())
    assert shown["type"] == "notification"
    assert shown["sequence"] > 0


def test_the_token_is_nowhere_to_be_seen(console: Page) -> None:
    assert "eyJ" not in console.locator("body").inner_text()


def test_filters_choose_and_pausing_holds_back(
    console: Page, person: Callable[..., Person]
) -> None:
    carol = person("carol")
    console.get_by_label("Type").first.select_option("notification")
    carol.post("posts", {"text": "@alice first"})
    expect(console.locator("#frames > li")).to_have_count(1)
    console.get_by_role("button", name="Pause").click()
    carol.post("posts", {"text": "@alice second"})
    expect(console.locator("#log-count")).to_contain_text("1 held back")
    expect(console.locator("#frames > li")).to_have_count(1)
    console.get_by_role("button", name="Go on").click()
    expect(console.locator("#frames > li")).to_have_count(2)
    console.get_by_label("Text").fill("@alice FIRST")
    expect(console.locator("#frames > li")).to_have_count(1)
    console.get_by_role("button", name="Copy").click()
    expect(console.get_by_role("button", name="Copied")).to_be_visible()
    copied = console.evaluate("navigator.clipboard.readText()")
    assert "@alice first" in copied
    assert "@alice second" not in copied
    console.get_by_role("button", name="Clear").click()
    expect(console.get_by_text("No frames yet.")).to_be_visible()


def test_every_command_has_a_template_that_fits_the_schema(console: Page) -> None:
    types = console.locator("#send-type option").all_inner_texts()
    assert {"message", "presence", "subscribe", "read_receipt", "feed_seen"} <= set(types)
    for type in types:
        console.locator("#send-type").select_option(type)
        expect(console.locator("#send-problems li")).to_have_count(0)
        assert json.loads(console.get_by_label("Frame", exact=True).input_value())["type"] == type


def test_the_fields_of_a_type_are_explained(console: Page) -> None:
    console.locator("#send-type").select_option("message")
    content = console.locator("#send-fields > div").filter(has_text="payload.content")
    expect(content).to_contain_text("required")
    expect(content).to_contain_text("at most 5000 characters")


def test_a_frame_is_sent_and_answered(console: Page) -> None:
    console.locator("#send-type").select_option("presence")
    fill(console, type="presence", ack_id="mine", payload={"status": "busy"})
    send(console)
    expect(frames(console, "ack").filter(has_text='"status":"busy"')).to_be_visible()
    fill(console, type="presence", payload={"status": "online"})
    send(console)
    expect(frames(console, "presence").first).to_contain_text('"status":"online"')


def test_what_does_not_fit_is_explained_before_it_is_sent(console: Page) -> None:
    fill(console, type="presence", payload={"status": "asleep", "mood": "good"})
    problems = console.locator("#send-problems li")
    expect(problems).to_have_count(2)
    expect(problems.first).to_have_text('payload.status must be one of "away", "busy", "online".')
    expect(problems.last).to_have_text("payload.mood is no field of this frame.")
    send(console)
    expect(frames(console, "presence")).to_have_count(0)
    console.get_by_label("Send it even if").check()
    send(console)
    expect(frames(console, "error").first).to_contain_text("INVALID_MESSAGE")
    console.get_by_label("Frame", exact=True).fill('{"type": ')
    expect(problems.first).to_contain_text("This is no JSON")


def test_channels_are_followed_over_a_cut(console: Page, person: Callable[..., Person]) -> None:
    console.get_by_label("Channel", exact=True).last.fill("feed:updates")
    console.get_by_role("button", name="Follow", exact=True).click()
    expect(console.get_by_role("list", name="Channels")).to_contain_text("feed:updates")
    console.get_by_role("button", name="Cut for five seconds").click()
    expect(console.locator("#connection-pill")).to_contain_text("Reconnecting")
    expect(console.locator("#connection-pill")).to_contain_text("Connected", timeout=20_000)
    person("carol").post("posts", {"text": "After the cut"})
    expect(frames(console, "feed_update").first).to_be_visible()
    console.get_by_role("button", name="Follow feed:updates no more").click()
    expect(frames(console, "unsubscribe").first).to_be_visible()
    console.get_by_label("Channel", exact=True).last.fill("conversation:conv_999")
    console.get_by_role("button", name="Follow", exact=True).click()
    expect(console.locator("#follow-problem")).to_contain_text("conversation:conv_999")


def test_the_console_is_for_the_staff(open_page: OpenPage) -> None:
    bob = open_page("bob")
    answer = bob.goto("/console")
    assert answer is not None
    assert answer.status == 403
