"""The README's pictures, of the demo as it is now: `make screenshots`."""

from __future__ import annotations

import base64
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from math import sin
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.browser.looking import message, post, say, show
from tests.browser.site import (
    DESKTOP,
    NO_BROWSER,
    PHONE,
    ROOT,
    Person,
    chromium,
    running_site,
    sign_in,
)
from tests.servers import Address

DIRECTORY = ROOT / "docs" / "screenshots"
MOST_BYTES = 150_000
QUALITY = 88
AFTERNOON = 17
# The dashboard's charts are of five minutes; most of that will do.
CHART_STEPS = 110
REPORT_MS = 2000
DRAWN = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


class Studio:
    """Pages of people, and pictures of them."""

    def __init__(self, browser: Browser, address: Address) -> None:
        self._browser = browser
        self.address = address

    @contextmanager
    def page(self, name: str, *, phone: bool = False, scheme: Any = "light") -> Iterator[Page]:
        """A signed-in page of this demo user."""
        context = self._browser.new_context(
            base_url=self.address.http,
            viewport=PHONE if phone else DESKTOP,
            is_mobile=phone,
            has_touch=phone,
            color_scheme=scheme,
            reduced_motion="reduce",
            timezone_id=_zone_where_it_is_afternoon(),
        )
        page = context.new_page()
        sign_in(page, self.address, name)
        try:
            yield page
        finally:
            context.close()


def _zone_where_it_is_afternoon() -> str:
    """So that a picture taken at night is not of a town that does not sleep."""
    hours = AFTERNOON - datetime.now(UTC).hour
    return f"Etc/GMT{-hours:+d}" if hours else "Etc/GMT"


def take(page: Page, name: str) -> None:
    """Store what is to be seen.

    Raises:
        ValueError: the picture is too big for a repository.
    """
    page.mouse.move(0, 0)
    page.evaluate("scrollTo(0, 0)")
    page.evaluate(DRAWN)
    size: Any = page.viewport_size
    scale = 2 if size == PHONE else 1
    clip = {**size, "x": 0, "y": 0, "scale": scale}
    options = {"format": "webp", "quality": QUALITY, "clip": clip}
    devtools = page.context.new_cdp_session(page)  # Playwright itself has no WebP
    picture = devtools.send("Page.captureScreenshot", options)
    path = DIRECTORY / f"{name}.webp"
    path.write_bytes(base64.b64decode(picture["data"]))
    length = path.stat().st_size
    print(f"{path.relative_to(ROOT)} {length // 1000} kB")
    if length > MOST_BYTES:
        raise ValueError(f"{path} has {length} bytes, at most {MOST_BYTES} are wanted")


def feed(studio: Studio) -> None:
    with studio.page("alice") as alice:
        story = post(alice, "Story hour moved")
        story.get_by_role("button", name="1 comment").click()
        expect(story.locator(".comment")).to_have_count(1)
        author = Person(studio.address, "farid")
        author.post("posts", {"text": "The river is up. The footbridge stays open."})
        expect(alice.get_by_role("button", name="1 new post")).to_be_visible()
        take(alice, "feed-light")
        author.close()
    with studio.page("alice", phone=True, scheme="dark") as alice:
        expect(post(alice, "Open this page in two windows")).to_be_visible()
        take(alice, "feed-phone-dark")


def messages(studio: Studio, bob: Page) -> None:
    person = Person(studio.address, "bob")
    talk = f"messages/{person.talk_with('alice')}"
    person.close()
    show(bob, talk)
    for options, name in (
        ({"scheme": "dark"}, "messages-dark"),
        ({"phone": True}, "messages-phone-light"),
    ):
        with studio.page("alice", **options) as alice:
            show(alice, talk)
            expect(message(alice, "But bring the one on clocks?")).to_be_visible()
            if message(alice, "Wrapped in paper").count() == 0:
                say(alice, "Wrapped in paper, not to be read before five.")
            expect(message(alice, "Wrapped in paper")).to_contain_text("Read")
            bob.get_by_label("Message", exact=True).press_sequentially("I shall")
            expect(alice.locator("#typing.is-typing")).to_be_visible()
            take(alice, name)
            bob.get_by_label("Message", exact=True).fill("")


def notifications(studio: Studio) -> None:
    with studio.page("alice", phone=True) as alice:
        show(alice, "notifications")
        expect(alice.locator("#notifications > li").first).to_be_visible()
        take(alice, "notifications-phone-light")


def console(studio: Studio) -> None:
    with studio.page("alice", scheme="dark") as alice:
        alice.goto("/console")
        for channel in ("feed:updates", "presence"):
            alice.locator("#follow-channel").fill(channel)
            alice.get_by_role("button", name="Follow", exact=True).click()
            expect(alice.get_by_role("list", name="Channels")).to_contain_text(channel)
        emma = Person(studio.address, "emma")
        emma.post("posts/post_11/like")
        emma.post("posts/post_10/comments", {"text": "@alice leave me one, please!"})
        emma.close()
        alice.locator("#send-type").select_option("presence")
        alice.get_by_role("button", name="Send", exact=True).click()
        expect(alice.locator("#frames > li").filter(has_text="away").first).to_be_visible()
        take(alice, "console-dark")


def dashboard(studio: Studio) -> None:
    """After some minutes of coming and going, in which the charts have got a shape."""
    farid = Person(studio.address, "farid")
    with studio.page("alice") as alice:
        alice.goto("/admin/realtime/node/dashboard/")
        expect(alice.locator("#realtime-state")).to_have_text("Live")
        for step in range(CHART_STEPS):
            for _ in range(round(4 + 3 * sin(step / 9) + sin(2 * step))):
                farid.post("posts/post_11/like")
                farid.delete("posts/post_11/like")
            alice.wait_for_timeout(REPORT_MS)
        take(alice, "dashboard-light")
    farid.close()


def main() -> int:
    """Take all of them, on a site of its own."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    try:
        with (
            tempfile.TemporaryDirectory() as directory,
            running_site(Path(directory)) as address,
            chromium() as browser,
        ):
            studio = Studio(browser, address)
            with studio.page("bob") as bob, studio.page("carol"), studio.page("emma"):
                feed(studio)
                messages(studio, bob)
                notifications(studio)
                console(studio)
                dashboard(studio)
    except FileNotFoundError:
        print(NO_BROWSER, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
