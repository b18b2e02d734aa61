"""Every type of frame, both ways: who gets what, who does not, with which fields.

Alice and Bob live through it, Carol is the outsider. Each scenario runs over sockets
and over polls with `send`; payloads are compared with what the API reference shows.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import pytest

from messaging import services as messaging
from messaging.events import channel as conversation_channel
from messaging.events import conversation_id
from notifications.services import mute, notify, notify_many
from realtime.frame_types import event_types, request_types
from realtime.users import describe, user_id
from socialhub import services as site
from tests.clients import Frame, in_thread
from tests.messaging.talk import group, pair, pk_of, say
from tests.people import make_user, token_for
from tests.presence.watching import channel as presence_channel
from tests.presence.watching import until_shown
from tests.realtime.reference_examples import EXAMPLES, assert_as_in_reference
from tests.realtime.test_stats import make_operator
from tests.scenarios.clients import Client, heard_nothing
from tests.scenarios.conftest import Connect

walks = pytest.mark.walks
PICTURES = pytest.mark.options(DESCRIBE_USER="tests.scenarios.hooks.with_picture")
# So that a client can be sure that its poll waits.
LISTENING = pytest.mark.options(MAX_WAITING_POLLS=1)

FEED = "feed:updates"
STATS = "realtime.stats"
NOT_FOUND = ("NOT_FOUND", "Conversation does not exist")
NO_CHANNEL = ("CHANNEL_NOT_FOUND", "Channel does not exist")


async def refusal(client: Client, *command: Any, **envelope: Any) -> tuple[str, str]:
    """The code and the text with which a command is refused."""
    answer = await client.ask(*command, **envelope)
    assert_as_in_reference(answer)
    assert answer["type"] == "error", answer
    return answer["payload"]["code"], answer["payload"]["message"]


# --- connecting --------------------------------------------------------------------------


@walks(sends={"connect"}, receives={"connect"})
async def test_connect_is_answered_to_who_says_it(
    connect: Connect, alice: Any, bob: Any, carol: Any
) -> None:
    async with connect(alice) as phone, connect(alice) as laptop, connect(bob) as outsider:
        said = {"user_id": user_id(bob), "timestamp": "1970-01-01T00:00:00Z"}
        reply = await phone.ask("connect", said)
        assert reply["type"] == "connect"
        assert_as_in_reference(reply, user_id=user_id(alice), recovered=False)
        assert reply["payload"]["timestamp"] > "2000"
        assert reply["payload"]["channels"] == {"notifications": {"unread_count": 0}}
        await heard_nothing(laptop, outsider)


@walks(sends={"disconnect"})
async def test_who_disconnects_ends_no_other_connection(
    connect: Connect, alice: Any, bob: Any
) -> None:
    async with connect(alice) as phone, connect(alice) as laptop, connect(bob) as outsider:
        reply = await phone.ask("disconnect", EXAMPLES["disconnect"])
        assert_as_in_reference(reply, data={})
        await heard_nothing(laptop, outsider)


@LISTENING
@walks(receives={"disconnect"})
async def test_who_is_sent_away_is_told_why_and_nobody_else_is(
    connect: Connect, alice: Any, bob: Any
) -> None:
    async with connect(alice) as client, connect(bob) as outsider:
        await client.listen()
        alice.is_active = False
        await in_thread(alice.save)
        assert await client.end() == "account_disabled"
        await heard_nothing(outsider)


@walks(sends={"authenticate"}, receives={"ack", "error"})
async def test_authenticate_takes_a_fresh_token_of_the_same_user_only(
    connect: Connect, alice: Any, bob: Any
) -> None:
    async with connect(alice) as client, connect(bob) as outsider:
        data = await client.call("authenticate", {"token": token_for(alice)})
        assert data["user_id"] == user_id(alice)
        assert isinstance(data["expires_at"], float)
        for token in (token_for(bob), "nonsense"):
            refused = await refusal(client, "authenticate", {"token": token})
            assert refused == ("INVALID_TOKEN", "invalid token")
        await heard_nothing(client, outsider)


@walks(sends={"heartbeat"}, receives={"heartbeat"})
async def test_a_heartbeat_is_answered_with_the_time_and_the_position(
    connect: Connect, alice: Any, bob: Any
) -> None:
    async with connect(alice) as client, connect(bob) as outsider:
        reply = await client.ask("heartbeat", EXAMPLES["heartbeat"])
        assert_as_in_reference(reply)
        assert reply["payload"]["timestamp"] > "2000", "the server's time, not the client's"
        event = await notified(client)
        reply = await client.ask("heartbeat")
        assert reply["payload"]["last_sequence"] >= event["sequence"]
        await heard_nothing(outsider)


async def notified(client: Client) -> Frame:
    """The client's next event, which is a notification."""
    await in_thread(notify, client.user, "news", "text")
    event = await client.next_event()
    assert event["type"] == "notification"
    return event


@walks(receives={"resync"})
async def test_who_stands_where_the_log_never_was_is_told_where_to_go_on(
    connect: Connect, alice: Any, bob: Any
) -> None:
    async with connect(alice) as client, connect(bob) as outsider:
        here = (await client.call("connect"))["epoch"]
        told = await client.come_back(10**12)
        assert told["epoch"] == here
        event = await notified(client)
        assert event["sequence"] > told["last_sequence"]
        await heard_nothing(outsider)


# --- channels, answers -------------------------------------------------------------------


@walks(sends={"subscribe", "unsubscribe"}, receives={"ack", "feed_update"})
async def test_events_of_a_channel_come_from_subscribing_to_unsubscribing(
    connect: Connect, alice: Any, bob: Any, carol: Any
) -> None:
    async with connect(alice) as client, connect(carol) as outsider:
        joined = await client.call("subscribe", {"channel": FEED})
        assert joined["channel"] == FEED
        assert joined["snapshot"] == {"new_posts_count": 0, "last_update": None}
        again = await client.call("subscribe", {}, channel=FEED)
        assert again["snapshot"] == joined["snapshot"], "twice is a success"
        post = await in_thread(site.create_post, bob, "First")
        update = await client.next_of("feed_update")
        assert update["payload"]["post_id"] == f"post_{post.pk}"
        assert await client.call("unsubscribe", {"channel": FEED}) == {"channel": FEED}
        await in_thread(site.create_post, bob, "Second")
        await in_thread(notify, alice, "news", "text")
        # The count may still come of the first post; of the second, nothing.
        assert (await client.next_of("feed_update", "notification"))["type"] == "notification"
        await heard_nothing(outsider)


async def test_what_is_no_channel_of_the_user_does_not_exist(
    connect: Connect, alice: Any, bob: Any, carol: Any
) -> None:
    theirs = await in_thread(pair, alice, bob)
    async with connect(carol) as outsider:
        for channel in (conversation_channel(theirs), "nothing", "presence:nobody at all"):
            assert await refusal(outsider, "subscribe", {"channel": channel}) == NO_CHANNEL
        await heard_nothing(outsider)


@walks(receives={"ack"})
async def test_an_ack_goes_to_the_connection_that_asked(
    connect: Connect, alice: Any, bob: Any
) -> None:
    async with connect(alice) as phone, connect(alice) as laptop, connect(bob) as outsider:
        command = ("subscribe", EXAMPLES["subscribe"])
        reply = await phone.ask(*command, ack_id="ack_123")
        assert reply["ack_id"] == "ack_123"
        assert_as_in_reference(reply, ack_id="ack_123", status="success")
        await heard_nothing(phone, laptop, outsider)


@walks(sends={"fly"}, receives={"error"})
async def test_an_error_goes_to_the_connection_that_erred(
    connect: Connect, alice: Any, bob: Any
) -> None:
    async with connect(alice) as phone, connect(alice) as laptop, connect(bob) as outsider:
        reply = await phone.ask("fly", ack_id="ack_123")
        assert reply["ack_id"] == "ack_123"
        assert_as_in_reference(
            reply, code="INVALID_MESSAGE", message="Unknown message type 'fly'",
            details={"field": "type"},
        )  # fmt: skip
        await heard_nothing(phone, laptop, outsider)


# --- notifications -----------------------------------------------------------------------


@walks(receives={"notification"})
async def test_a_notification_reaches_its_recipient_on_every_connection(
    connect: Connect, alice: Any, bob: Any, carol: Any
) -> None:
    async with connect(alice) as phone, connect(alice) as laptop, connect(carol) as outsider:
        await in_thread(notify, alice, "like", "Bob liked your post", actor=bob, post_id="post_789")
        event = await phone.next_event()
        assert event["channel"] == "notifications"
        assert_as_in_reference(
            event,
            type="like",
            actor_id=user_id(bob),
            actor_name="Bob",
            message="Bob liked your post",
            post_id="post_789",
            read=False,
            unread_count=1,
        )
        assert event["payload"].keys() == EXAMPLES["notification"].keys() | {"unread_count"}
        assert await laptop.next_event() == event
        await heard_nothing(outsider)


async def test_of_one_notification_for_two_each_gets_their_own(
    connect: Connect, alice: Any, bob: Any, carol: Any
) -> None:
    async with connect(alice) as a, connect(bob) as b, connect(carol) as outsider:
        await in_thread(notify_many, [alice, bob], "news", "for two")
        events = [await client.next_event() for client in (a, b)]
        assert {event["payload"]["message"] for event in events} == {"for two"}
        assert len({event["payload"]["id"] for event in events}) == 2
        await heard_nothing(outsider)


@walks(sends={"notification_read"}, receives={"notification_read"})
async def test_reading_one_is_told_to_all_of_the_user_s_clients(
    connect: Connect, alice: Any, bob: Any
) -> None:
    async with connect(alice) as phone, connect(alice) as laptop, connect(bob) as outsider:
        await in_thread(notify_many, [alice, bob], "news", "text")
        event = await phone.next_event()
        own, foreign = event["payload"]["id"], (await outsider.next_event())["payload"]["id"]
        assert await laptop.next_event() == event
        claimed = {"notification_id": own, "read_at": "1970-01-01T00:00:00Z"}
        data = await phone.call("notification_read", claimed)
        assert data["read_at"] > event["timestamp"], "the server's time, not the client's"
        for client in (phone, laptop):
            told = await client.next_event()
            assert told["channel"] == "notifications"
            assert_as_in_reference(told, notification_id=own, unread_count=0)
            assert told["payload"] == data
        # Bob's copy is another notification, and not Alice's to read.
        refused = await refusal(phone, "notification_read", {"notification_id": foreign})
        assert refused == ("NOT_FOUND", "Notification does not exist")
        await heard_nothing(outsider)


@walks(sends={"notification_read_all"}, receives={"notification_read_all"})
async def test_reading_all_is_told_to_all_of_the_user_s_clients(
    connect: Connect, alice: Any, bob: Any
) -> None:
    async with connect(alice) as phone, connect(alice) as laptop, connect(bob) as outsider:
        for text in ("1", "2"):
            await in_thread(notify, alice, "news", text)
        counts = [(await phone.next_event())["payload"]["unread_count"] for _ in range(2)]
        assert counts == [1, 2]
        data = await phone.call("notification_read_all", {"read_at": "1970-01-01T00:00:00Z"})
        assert data["read_at"] > "2000"
        told = await phone.next_event()
        assert told["channel"] == "notifications"
        assert_as_in_reference(told, unread_count=0)
        assert told["payload"] == data
        assert [await laptop.next_event() for _ in range(3)][-1] == told
        await heard_nothing(outsider)


@walks(receives={"notification_deleted", "mutes_changed"})
async def test_what_changes_in_an_inbox_is_told_to_all_of_the_user_s_clients(
    connect: Connect, alice: Any, bob: Any
) -> None:
    notification = await in_thread(notify, alice, "news", "text")
    assert notification is not None
    deleted_id = f"notif_{notification.pk}"
    async with connect(alice) as phone, connect(alice) as laptop, connect(bob) as outsider:
        await in_thread(notification.delete)
        await in_thread(mute, user_id(alice), type="like")
        for client in (phone, laptop):
            deleted, muted = await client.next_event(), await client.next_event()
            assert {event["channel"] for event in (deleted, muted)} == {"notifications"}
            assert deleted["type"] == "notification_deleted"
            assert deleted["payload"] == {"notification_id": deleted_id, "unread_count": 0}
            assert muted["type"] == "mutes_changed"
            assert muted["payload"] == {"types": ["like"], "keys": []}
        await heard_nothing(outsider)


# --- messages ----------------------------------------------------------------------------


@PICTURES
@walks(sends={"message"}, receives={"message", "notification"})
async def test_a_message_reaches_both_and_no_outsider(
    connect: Connect, alice: Any, bob: Any, carol: Any
) -> None:
    conversation, own = await in_thread(pair, alice, bob), await in_thread(pair, alice, carol)
    channel = conversation_channel(conversation)
    async with (
        connect(alice, channel) as a,
        connect(bob, channel) as b,
        connect(carol, conversation_channel(own)) as outsider,
    ):
        by_id = {"content": "Hello!", "conversation_id": conversation_id(conversation)}
        spoofed = {"sender_id": user_id(bob), "created_at": "1970-01-01T00:00:00Z"}
        by_channel = {"content": "Hello!", **spoofed}
        for position, (payload, envelope) in enumerate(
            [({**by_id, **spoofed}, {}), (by_channel, {"channel": channel})], start=1
        ):
            data = await a.call("message", payload, **envelope)
            for client in (a, b):
                event = await client.next_event()
                assert event["channel"] == channel
                assert_as_in_reference(
                    event,
                    conversation_id=conversation_id(conversation),
                    sender_id=user_id(alice),
                    content="Hello!",
                    is_read=False,
                    sender=dict(describe(alice)),
                    position=position,
                )
                assert event["payload"] == data
            if position == 1:  # one notification stands for both
                notice = await b.next_event()
                assert (notice["type"], notice["payload"]["type"]) == ("notification", "message")
                assert notice["payload"]["actor_id"] == user_id(alice)
        assert await refusal(outsider, "message", by_id) == NOT_FOUND
        refused = await refusal(outsider, "message", by_channel, channel=channel)
        assert refused == NO_CHANNEL
        await heard_nothing(a, b, outsider)


@LISTENING
@walks(sends={"typing_start", "typing_stop"}, receives={"typing_start", "typing_stop"})
async def test_typing_is_shown_to_the_other_and_to_nobody_else(
    connect: Connect, alice: Any, bob: Any, carol: Any
) -> None:
    conversation, own = await in_thread(pair, alice, bob), await in_thread(pair, alice, carol)
    channel = conversation_channel(conversation)
    about = {"conversation_id": conversation_id(conversation)}
    async with (
        connect(alice, channel) as a,
        connect(bob, channel) as b,
        connect(carol, conversation_channel(own)) as outsider,
    ):
        for client in (a, outsider):
            await client.listen()
        for type, is_typing in (("typing_start", True), ("typing_stop", False)):
            await b.listen()
            claimed = {"user_id": user_id(bob), "username": "jane", "is_typing": not is_typing}
            data = await a.call(type, {**about, **claimed})
            event = await b.next_event()
            assert event["type"] == type
            assert event["channel"] == channel
            assert_as_in_reference(
                event,
                conversation_id=conversation_id(conversation),
                user_id=user_id(alice),
                username=describe(alice)["username"],
                is_typing=is_typing,
            )
            assert event["payload"] == data
            assert "sequence" not in event, "it is not logged"
            assert await refusal(outsider, type, about) == NOT_FOUND
            assert await refusal(outsider, type, {}, channel=channel) == NO_CHANNEL
        await heard_nothing(a, outsider)


@walks(sends={"read_receipt"}, receives={"read_receipt", "notification_read"})
async def test_a_read_receipt_reaches_both_and_no_outsider(
    connect: Connect, alice: Any, bob: Any, carol: Any
) -> None:
    conversation, own = await in_thread(pair, alice, bob), await in_thread(pair, alice, carol)
    channel = conversation_channel(conversation)
    said = [await in_thread(say, alice, conversation, text) for text in ("1", "2")]
    async with (
        connect(alice, channel) as a,
        connect(bob, channel) as b,
        connect(carol, conversation_channel(own)) as outsider,
    ):
        receipt = {
            "conversation_id": conversation_id(conversation),
            "message_ids": [message.id for message in said],
        }
        claimed = {"user_id": user_id(carol), "read_at": "1970-01-01T00:00:00Z"}
        data = await b.call("read_receipt", {**receipt, **claimed})
        assert data["read_at"] > "2000"
        for client in (a, b):
            event = await client.next_event()
            assert event["channel"] == channel
            assert_as_in_reference(event, **receipt, user_id=user_id(bob), last_read_position=2)
            assert event["payload"] == data
        # With the messages the notification of them is read.
        read = await b.next_event()
        assert (read["type"], read["payload"]["unread_count"]) == ("notification_read", 0)
        assert await refusal(outsider, "read_receipt", receipt) == NOT_FOUND
        through_own = {**receipt, "conversation_id": conversation_id(own)}
        refused = await refusal(outsider, "read_receipt", through_own)
        assert refused == ("NOT_FOUND", "Message does not exist")
        await heard_nothing(a, b, outsider)


@walks(receives={"participants_added", "participant_left"})
async def test_who_comes_and_goes_is_told_to_who_is_there(
    connect: Connect, alice: Any, bob: Any, carol: Any
) -> None:
    dora = await in_thread(make_user, "dora")
    conversation = await in_thread(group, alice, bob, dora)
    channel, key = conversation_channel(conversation), user_id(alice)
    async with connect(alice, channel) as a, connect(bob, channel) as b, connect(carol) as outsider:
        erin = await in_thread(make_user, "erin")
        await in_thread(messaging.add_participants, key, conversation, [user_id(erin)])
        await in_thread(messaging.remove_participant, key, conversation, user_id(erin))
        for client in (a, b):
            added, left = await client.next_event(), await client.next_event()
            assert (added["type"], left["type"]) == ("participants_added", "participant_left")
            assert {event["channel"] for event in (added, left)} == {channel}
            assert [person["id"] for person in added["payload"]["participants"]] == [user_id(erin)]
            assert added["payload"]["added_by"] == left["payload"]["removed_by"] == key
            assert left["payload"]["user_id"] == user_id(erin)
        await heard_nothing(outsider)


@walks(receives={"message_deleted", "erased"})
async def test_of_a_deleted_message_both_are_told_and_who_comes_late_finds_nothing(
    connect: Connect, alice: Any, bob: Any, carol: Any
) -> None:
    conversation = await in_thread(pair, alice, bob)
    channel = conversation_channel(conversation)
    async with connect(alice, channel) as a, connect(bob, channel) as b, connect(carol) as outsider:
        start = (await b.call("heartbeat"))["last_sequence"]
        said = await in_thread(say, alice, conversation, "A secret")
        heard = await b.next_of("message")
        await in_thread(messaging.delete_message, user_id(alice), conversation, pk_of(said))
        for client in (a, b):
            event = await client.next_of("message_deleted")
            assert event["channel"] == channel
            assert event["payload"]["conversation_id"] == conversation_id(conversation)
            assert event["payload"]["message_ids"] == [said.id]
        await heard_nothing(outsider)
        await b.go_back(start)
        erased = await b.next_of("erased", "message")
        assert (erased["type"], erased["payload"]) == ("erased", {})
        assert [erased[name] for name in ("id", "sequence", "channel")] == [
            heard[name] for name in ("id", "sequence", "channel")
        ]


# --- presence ----------------------------------------------------------------------------


@walks(sends={"presence"}, receives={"presence"})
async def test_a_status_is_told_to_who_follows_the_user(
    connect: Connect, alice: Any, bob: Any, carol: Any
) -> None:
    async with AsyncExitStack() as stack:
        a = await stack.enter_async_context(connect(alice))
        b = await stack.enter_async_context(connect(bob, presence_channel(alice)))
        await until_shown(bob, "online")
        of_another = await stack.enter_async_context(connect(carol, presence_channel(bob)))
        outsider = await stack.enter_async_context(connect(carol))
        for status in ("busy", "away", "online"):
            claimed = {"user_id": user_id(carol), "last_seen": "1970-01-01T00:00:00Z"}
            data = await a.call("presence", {"status": status, **claimed})
            while (event := await b.next_of("presence"))["payload"]["status"] != status:
                assert status == "busy", "what came with connecting comes before it"
            assert event["channel"] == presence_channel(alice)
            assert_as_in_reference(event, user_id=user_id(alice), status=status)
            assert event["payload"] == data
            assert data["last_seen"] > "2000"
        refused = await refusal(a, "presence", {"status": "offline"})
        assert refused[0] == "INVALID_MESSAGE", "that is for the server to say"
        await heard_nothing(a, of_another, outsider)


# --- the feed ----------------------------------------------------------------------------


@walks(receives={"feed_update"})
async def test_all_that_happens_to_a_post_is_told_to_who_watches_the_feed(
    connect: Connect, alice: Any, bob: Any, carol: Any
) -> None:
    def live_through() -> int:
        post = site.create_post(bob, "Fresh bread at nine")
        site.edit_post(bob, post.pk, "Fresh bread at ten")
        site.like(alice, post.pk)
        site.comment(alice, post.pk, "Keep me a loaf")
        site.unlike(alice, post.pk)
        pk = post.pk
        site.delete_post(bob, pk)
        return pk

    async with connect(alice, FEED) as a, connect(bob, FEED) as b, connect(carol) as outsider:
        pk = await in_thread(live_through)
        events = [await a.next_of("feed_update") for _ in range(6)]
        told = [
            ("new_post", "created", bob),
            ("post_updated", "updated", bob),
            ("post_liked", "liked", alice),
            ("post_commented", "commented", alice),
            ("post_unliked", "unliked", alice),
            ("post_deleted", "deleted", bob),
        ]
        for event, (type, action, actor) in zip(events, told, strict=True):
            assert event["channel"] == FEED
            assert_as_in_reference(
                event,
                type=type,
                post_id=f"post_{pk}",
                user_id=user_id(actor),
                username=describe(actor)["username"],
                action=action,
            )
            assert event["payload"].keys() == EXAMPLES["feed_update"].keys()
        assert len({event["payload"]["created_at"] for event in events}) == 1, "of the post"
        assert [await b.next_of("feed_update") for _ in range(6)] == events
        await heard_nothing(outsider)


@LISTENING
@walks(sends={"feed_seen"}, receives={"count_update"})
async def test_each_who_watches_the_feed_is_told_how_much_is_new_to_them(
    connect: Connect, alice: Any, bob: Any, carol: Any
) -> None:
    async with (
        connect(alice, FEED) as phone,
        connect(alice, FEED) as laptop,
        connect(bob, FEED) as b,
        connect(carol) as outsider,
    ):
        post = await in_thread(site.create_post, bob, "Fresh bread at nine")
        for client, new in ((phone, 1), (laptop, 1), (b, 0)):
            event = await client.next_of("count_update")
            assert event["channel"] == FEED
            assert_as_in_reference(event, new_posts_count=new)
            assert "sequence" not in event, "it is not logged"
        await outsider.listen()
        await laptop.listen()
        seen = await phone.call("feed_seen", {"user_id": user_id(bob), "new_posts_count": 7})
        assert seen == {**event["payload"], "new_posts_count": 0}
        reset = await laptop.next_of("count_update")
        assert reset["payload"] == seen
        assert post.created_at.isoformat().startswith(seen["last_update"].rstrip("Z"))
        await heard_nothing(b, outsider)


# --- the servers themselves --------------------------------------------------------------


@LISTENING
@walks(receives={"node_stats"})
async def test_the_staff_is_told_how_the_nodes_do_and_nobody_else_is(
    connect: Connect, alice: Any
) -> None:
    olga = await in_thread(make_operator, "olga")
    async with connect(olga, STATS) as operator, connect(alice) as outsider:
        assert await refusal(outsider, "subscribe", {"channel": STATS}) == NO_CHANNEL
        report = await operator.next_of("node_stats")
        assert report["channel"] == STATS
        assert "sequence" not in report, "it is not logged"
        assert report["payload"]["draining"] is False
        await heard_nothing(outsider)


# --- all of them -------------------------------------------------------------------------


def test_no_type_was_left_out() -> None:
    """What the scenarios here say that they walk through, and are held to, is everything."""
    walked = [
        mark.kwargs
        for test in list(globals().values())
        for mark in getattr(test, "pytestmark", ())
        if mark.name == "walks"
    ]
    sent = {type for kwargs in walked for type in kwargs.get("sends", ())}
    received = {type for kwargs in walked for type in kwargs.get("receives", ())}
    assert {request.name for request in request_types()} <= sent
    assert {event.name for event in event_types()} <= received
    assert EXAMPLES.keys() <= sent | received
