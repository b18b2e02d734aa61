"""The page's own script in Chromium, under the team's Content-Security-Policy."""

from __future__ import annotations

from tests.browser.site import chromium
from tests.monolith.serving import PASSWORD, Browser, Live


def test_a_page_shows_what_comes_under_its_strict_policy(
    live: Live, alice: Browser, bob: Browser
) -> None:
    post = alice.post("/posts/", text="Hello").json()["id"]
    said: list[str] = []
    with chromium() as browser:
        # Where pages and socket have one host, as behind the site's proxy.
        page = browser.new_page(base_url=live.realtime)
        page.on("console", lambda line: said.append(line.text))
        page.goto("/login/")
        page.locator("[name=username]").fill("alice@example.org")
        page.locator("[name=password]").fill(PASSWORD)
        page.get_by_role("button").click()
        page.locator("body[data-realtime=connected]").wait_for(state="attached")
        bob.post(f"/posts/{post}/comments/", text="Live")
        page.get_by_text("New comment: Live").wait_for()
    assert [line for line in said if "Content Security Policy" in line] == []
