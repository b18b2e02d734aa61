"""The site at work: pages by WSGI, realtime by our ASGI in another process."""

from __future__ import annotations

import asyncio

import httpx

from realtime.client import Event, Events
from tests.monolith.processes import Redis
from tests.monolith.serving import PASSWORD, Browser, Live, browser

PATIENCE = 30.0


async def take(events: Events, type: str) -> Event:
    """The next event of this type."""
    async with asyncio.timeout(PATIENCE):
        async for event in events:
            if event.type == type:
                return event
    raise AssertionError(f"No {type}")


def test_the_page_holds_a_token_under_a_strict_policy(alice: Browser) -> None:
    policy = alice.page.headers["Content-Security-Policy"]
    assert "unsafe-inline" not in policy
    assert "connect-src 'self'" in policy
    assert "<script>" not in alice.page.text
    assert alice.token.count(".") == 2


def test_a_session_becomes_a_token_in_either_process(alice: Browser, live: Live) -> None:
    for base in (f"{live.pages}/live", live.realtime):
        answer = alice.post(f"{base}/api/v1/auth/token/session")
        assert answer.json()["access"].count(".") == 2
    refused = httpx.post(f"{live.realtime}/api/v1/auth/token/session")
    assert refused.status_code == 401


def test_people_log_in_by_e_mail_over_the_api(live: Live) -> None:
    for base in (f"{live.pages}/live", live.realtime):
        answer = httpx.post(
            f"{base}/api/v1/auth/token", json={"email": "bob@example.org", "password": PASSWORD}
        )
        assert answer.json()["access"].count(".") == 2


async def test_a_comment_on_a_page_notifies_the_author_at_once(
    alice: Browser, bob: Browser
) -> None:
    post = alice.post("/posts/", text="Hello").json()["id"]
    async with alice.client() as (_, events):
        await asyncio.to_thread(bob.post, f"/posts/{post}/comments/", text="Nice")
        payload = (await take(events, "notification")).payload
    assert payload["message"] == "New comment: Nice"
    assert payload["post_id"] == f"post_{post}"


async def test_a_post_on_a_page_is_in_the_feed(alice: Browser, bob: Browser) -> None:
    async with alice.client() as (client, events):
        await client.subscribe("feed:updates")
        post = (await asyncio.to_thread(bob.post, "/posts/", text="Hello")).json()["id"]
        payload = (await take(events, "feed_update")).payload
    assert (payload["action"], payload["post_id"]) == ("created", f"post_{post}")


async def test_people_write_to_one_another(alice: Browser, bob: Browser, live: Live) -> None:
    async with alice.client() as (one, _), bob.client() as (other, events):
        # The REST API of the WSGI process, by which conversations begin.
        answer = await asyncio.to_thread(
            httpx.post,
            f"{live.pages}/live/api/v1/conversations",
            json={"participant_ids": [other.user_id]},
            headers={"Authorization": f"Bearer {alice.token}"},
        )
        conversation = answer.raise_for_status().json()["id"]
        await other.subscribe(f"conversation:{conversation}")
        await one.send_with_ack(
            "message", {"conversation_id": conversation, "content": "Hello, Bob"}
        )
        assert (await take(events, "message")).payload["content"] == "Hello, Bob"


async def test_a_broadcast_reaches_everybody(alice: Browser, bob: Browser, live: Live) -> None:
    async with alice.client() as (_, hers), bob.client() as (_, his):
        done = await asyncio.to_thread(live.project.manage, "broadcast", "Back at 9:00")
        assert "3 users notified." in done.stdout
        for events in (hers, his):
            assert (await take(events, "notification")).payload["message"] == "Back at 9:00"


def test_the_team_s_own_admin_site_has_our_models(live: Live) -> None:
    with browser(live, "root") as staff:
        assert "Backoffice" in staff.http.get("/backoffice/").text
        for path in ("realtime/event", "realtime_notifications/notification", "presence/presence"):
            assert staff.http.get(f"/backoffice/{path}/").status_code == 200, path


async def test_without_redis_events_come_and_the_team_s_log_tells_of_it(
    alice: Browser, bob: Browser, live: Live, redis: Redis
) -> None:
    async with alice.client() as (client, events):
        await client.subscribe("feed:updates")
        redis.stop()
        try:
            await asyncio.to_thread(bob.post, "/posts/", text="Still here")
            await take(events, "feed_update")
        finally:
            await asyncio.to_thread(redis.start)
    logged = live.log()
    assert "WARNING realtime.layer The channel layer fails" in logged
    assert alice.token not in logged
