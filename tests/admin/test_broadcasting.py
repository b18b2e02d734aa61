"""Broadcasts from the admin: written, looked at, confirmed, and carried out by the servers."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest
from django.contrib.auth import get_permission_codename, get_user_model
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import F
from django.test import Client
from django.urls import reverse

from notifications import broadcast_queue, broadcasts, counting, services, texts
from notifications.admin import broadcast_compose, broadcast_preview
from notifications.admin.broadcast_preview import Preview
from notifications.audiences import Audience
from notifications.broadcast_queue import carry_out
from notifications.models import Broadcast, Notification
from realtime import log
from realtime.admin.large import Roughly
from realtime.users import user_id
from tests.admin.staff import BROADCASTS, Staff, in_words
from tests.clients import PATIENCE, Poller, in_thread, open_http, open_socket
from tests.commands.test_broadcast import counts, make_many
from tests.messaging.talk import at_once
from tests.notifications.test_services import unread
from tests.people import login_name, make_user
from tests.servers import Address, server_process

ADD = "/admin/notifications/broadcast/add/"
State = Broadcast.State


@pytest.fixture
def sender(transactional_db: None) -> Staff:
    """Writes broadcasts, sees them, stops them."""
    return Staff("sam", permissions=["add", "view", "change", "delete"])


def written(**fields: Any) -> dict[str, Any]:
    """The form as an operator fills it in."""
    return {"audience": "all", "type": "announcement", "message": "Back at 9:00", **fields}


def previewed(staff: Staff, **fields: Any) -> str:
    """The page that comes after the form, as HTML."""
    response = staff.client.post(ADD, {**written(**fields), "_preview": "1"})
    assert response.status_code == 200
    return response.content.decode()


def hidden_fields(page: str) -> dict[str, str]:
    """What the preview carries along."""
    tags = re.findall(r'<input type="hidden"[^>]*>', page)
    found = [
        (re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)) for tag in tags
    ]
    return {name[1]: unescape(value[1] if value else "") for name, value in found if name}


def confirmed(staff: Staff, **fields: Any) -> Broadcast:
    """The broadcast that an operator makes by form and preview."""
    data = hidden_fields(previewed(staff, **fields))
    response = staff.client.post(ADD, {**data, "_confirm": "1", "sure": "on"})
    row = Broadcast.objects.latest("pk")
    assert response.status_code == 302
    assert response["Location"] == reverse(f"admin:{BROADCASTS}_change", args=[row.pk])
    return row


def refused(staff: Staff, **fields: Any) -> dict[str, list[str]]:
    """What the form has against this, by field; nothing is queued by it."""
    for button in ("_preview", "_confirm"):
        data = {**written(**fields), button: "1", "once": str(uuid4())}
        response: Any = staff.client.post(ADD, data)
        assert response.status_code == 200
        form = response.context["form"]
        assert form.errors
        assert "Please correct the error" in in_words(response.content.decode())
    assert not Broadcast.objects.exists()
    return {name: list(errors) for name, errors in form.errors.items()}


def pressed(staff: Staff, button: str, row: Broadcast) -> str:
    """What is to be read after `stop` or `resume`."""
    path = reverse(f"admin:{BROADCASTS}_{button}", args=[row.pk])
    response = staff.client.post(path, follow=True)
    assert response.status_code == 200
    return in_words(response.content.decode())


def queued(message: str = "Back at 9:00", **fields: Any) -> Broadcast:
    """A broadcast to everybody that waits for a server."""
    row = broadcasts.draft(broadcasts.Content(message=message), Audience("all active users"))
    row.state = State.QUEUED
    for name, value in fields.items():
        setattr(row, name, value)
    row.save()
    return row


async def until(row: Broadcast, reached: Callable[[Broadcast], bool]) -> Broadcast:
    """The row, when it is so."""
    async with asyncio.timeout(PATIENCE * 2):
        while not reached(found := await in_thread(Broadcast.objects.get, pk=row.pk)):
            await asyncio.sleep(0.01)
    return found


def is_done(row: Broadcast) -> bool:
    return row.state == State.DONE


# --- form and preview ------------------------------------------------------------------


def test_the_preview_says_who_and_how_many_and_what_and_tells_nobody(
    sender: Staff, alice: Any, bob: Any
) -> None:
    html = previewed(sender, extra='{"day": 5}', post_id="post_7")
    page = in_words(html)
    named = (login_name(alice), login_name(bob))
    for part in ("all active users", "3 users", "Back at 9:00", '"day": 5', '"post_7"', *named):
        assert part in page
    assert 'value="Notify 3 users"' in html
    assert not Broadcast.objects.exists()
    assert not Notification.objects.exists()


@pytest.mark.options(USER_LANGUAGE="tests.notifications.hooks.language")
def test_a_registered_text_is_shown_in_the_readers_languages(
    sender: Staff, alice: Any, bob: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "_texts", dict(texts._texts))
    texts.register_text("removed", texts.REMOVED)
    page = in_words(previewed(sender, type="removed", message=""))
    assert "en This content was removed" in page
    assert "de Dieser Inhalt wurde entfernt" in page
    assert confirmed(sender, type="removed", message="").content["message"] is None


def test_back_leads_to_the_form_as_it_was_written(sender: Staff) -> None:
    data = hidden_fields(previewed(sender, message="A <b>bold</b>\nplan", extra='{"a": "\\""}'))
    page = sender.client.post(ADD, {**data, "_edit": "1"}).content.decode()
    assert "A &lt;b&gt;bold&lt;/b&gt;\nplan" in page
    assert "{&quot;a&quot;: &quot;\\&quot;&quot;}" in page
    assert not Broadcast.objects.exists()


@pytest.mark.parametrize(
    ("fields", "field", "why"),
    [
        ({"audience": ""}, "audience", "Choose whom to tell."),
        ({"audience": "nonsense"}, "audience", "Select a valid choice"),
        ({"message": "  "}, "message", "Write a text: none fits"),
        ({"message": "x" * 5_001}, "message", "at most 5000 characters"),
        ({"type": ""}, "type", "required"),
        ({"type": "x" * 65}, "type", "at most 64"),
        ({"extra": "{"}, "extra", "This is no JSON"),
        ({"extra": "[1]"}, "extra", "Write a JSON object"),
        ({"extra": '{"a": NaN}'}, "extra", "NaN is no number"),
        ({"extra": '{"a": "\\u0000"}'}, "extra", "NUL"),
        ({"extra": '{"a": "\\ud800"}'}, "extra", "surrogates"),
        ({"extra": '{"a": ' + "[" * 4_000 + "]" * 4_000 + "}"}, "extra", "no JSON"),
        ({"extra": '{"a": 1e999}'}, "extra", "1e999 is too large"),
        ({"extra": '{"a": ' + "[" * 60 + "]" * 60 + "}"}, "extra", "more than 50 levels"),
        ({"params": "{}"}, "params", "Leave out either the text or these"),
        ({"message": "", "params": '{"a": 1}'}, "params", "register a text"),
        ({"audience": "group"}, "group", "Choose a group."),
        ({"audience": "users"}, "users", "Name at least one user."),
        ({"audience": "users", "users": "nobody"}, "users", "There is no user 'nobody'"),
        ({"audience": "users", "users": "x," * 1_001}, "users", "at most 1,000"),
        ({"audience": "users", "users": "\x00"}, "users", "Null characters"),
    ],
)
def test_what_makes_no_sense_is_said_at_its_field(
    sender: Staff, fields: dict[str, str], field: str, why: str
) -> None:
    errors = refused(sender, **fields)
    assert list(errors) == [field]
    assert why in errors[field][0]


def test_nobody_and_disabled_accounts_are_refused(sender: Staff, alice: Any) -> None:
    alice.is_active = False
    alice.save()
    group = Group.objects.create(name="Editors")
    group.user_set.add(alice)
    (why,) = refused(sender, audience="group", group=str(group.pk))["audience"]
    assert why == "That is nobody: the active users in Editors."
    (why,) = refused(sender, audience="users", users=login_name(alice))["users"]
    assert why == f"Take out these disabled accounts: {login_name(alice)}."


def test_users_are_named_and_those_of_a_group_and_the_staff(
    sender: Staff, alice: Any, bob: Any, carol: Any
) -> None:
    Group.objects.create(name="Editors").user_set.add(bob)
    names = f"{login_name(alice)}\r\n {user_id(bob)}, {login_name(alice)}"
    assert "2 users" in in_words(previewed(sender, audience="users", users=names))
    group = str(Group.objects.get().pk)
    for fields, told in (
        ({"audience": "users", "users": names}, [1, 1, 0]),
        ({"audience": "group", "group": group}, [1, 2, 0]),
        ({"audience": "staff"}, [1, 2, 0]),
    ):
        confirmed(sender, **fields)
        carry_out()
        assert [unread(one) for one in (alice, bob, carol)] == told
    assert unread(sender.user) == 1


@pytest.fixture
def looks_at_users(sender: Staff) -> Staff:
    """The sender, who may look at users as well."""
    options = get_user_model()._meta
    view = Permission.objects.get(
        codename=get_permission_codename("view", options),
        content_type__app_label=options.app_label,
    )
    sender.user.user_permissions.add(view)
    return sender


def test_users_are_chosen_by_their_fields(looks_at_users: Staff, alice: Any, bob: Any) -> None:
    lines = f"is_staff=false\r\npk__in={user_id(alice)},{looks_at_users.user.pk}"
    row = confirmed(looks_at_users, audience="filter", filter=lines)
    assert row.total == 1
    carry_out()
    assert [unread(alice), unread(bob)] == [1, 0]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("is_staff", "write FIELD=VALUE"),
        ("is_staff=maybe", "must be either True or False"),
        ("last_login__gte=yesterday", "format"),
        ("nonsense=1", "choose among the fields pk, "),
        ("password__startswith=pbkdf2", "choose among the fields"),
        ("notifications__message__contains=secret", "choose among the fields"),
        ("groups__name=Editors", "choose among the fields"),
        ("email__regex=(a+)+$", "may take too long"),
        ("email__nonsense=1", "email__nonsense"),
        ("pk__api_key__startswith=a", "a secret"),
        ("pk__range=1", "pk__range"),
        ("pk__range=1,2,3", "pk__range"),
        ("last_login__date__range=2026-01-01", "range takes two values"),
        ("last_login__year=0", "last_login__year=0"),
        ("last_login__year=99999", "last_login__year=99999"),
    ],
)
def test_fields_that_tell_more_than_they_should_are_refused(
    looks_at_users: Staff, line: str, why: str
) -> None:
    (told,) = refused(looks_at_users, audience="filter", filter=line)["filter"]
    assert why in told


@pytest.mark.named_users
def test_a_number_that_no_key_can_be_is_refused(looks_at_users: Staff) -> None:
    refused(looks_at_users, audience="filter", filter=f"pk__in={10**23}")


def test_who_may_not_look_at_users_does_not_choose_by_their_fields(sender: Staff) -> None:
    page = in_words(sender.client.get(ADD).content.decode())
    assert "Users by name" in page
    assert "Users by their fields" not in page
    errors = refused(sender, audience="filter", filter="is_staff=true")
    assert "Select a valid choice" in errors["audience"][0]


def test_many_have_to_be_meant(sender: Staff, alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broadcast_compose, "MANY", 1)
    page = previewed(sender)
    assert "Yes, notify 2 users" in in_words(page)
    data = hidden_fields(page)
    again = sender.client.post(ADD, {**data, "_confirm": "1"}).content.decode()
    assert "Tick this if you mean so many" in again
    assert hidden_fields(again)["once"] == data["once"]
    assert not Broadcast.objects.exists()
    sender.client.post(ADD, {**data, "_confirm": "1", "sure": "on"})
    assert Broadcast.objects.get().total == 2


# --- counting in time ------------------------------------------------------------------


def test_what_takes_too_long_to_count_is_counted_up_to_a_bound_and_has_to_be_meant(
    sender: Staff, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcast_preview, "COUNTED", 1)

    def slow(self: Audience, position: str = "") -> int:
        raise OperationalError("canceling statement due to statement timeout")

    with patch.object(Audience, "count", slow):
        page = previewed(sender)
        assert "1+ users" in in_words(page)
        sender.client.post(ADD, {**hidden_fields(page), "_confirm": "1", "sure": "on"})
    row = Broadcast.objects.get()
    assert row.total is None
    carry_out()
    row = Broadcast.objects.get()
    assert (row.total, row.state) == (2, State.DONE)


ENDLESS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(600)",
}


def test_a_query_that_takes_too_long_is_broken_off(
    alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as impatient:
        impatient.setattr(counting, "LONGEST_SECONDS", 0.05)
        with pytest.raises(OperationalError), counting.in_time():
            connection.cursor().execute(ENDLESS[connection.vendor])
    with connection.cursor() as cursor, counting.in_time():
        cursor.execute("SELECT 1")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            assert cursor.fetchone() == ("0",)
    assert broadcast_preview.count(Audience("all active users")) == 1


def test_where_nothing_can_be_counted_the_page_says_so(sender: Staff) -> None:
    with patch.object(broadcast_preview, "in_time", side_effect=OperationalError):
        page = in_words(previewed(sender))
    assert "an unknown number of users" in page
    assert "There was no time to find them." in page


def test_nothing_known_is_said() -> None:
    assert broadcast_compose.users(None) == "an unknown number of users"
    assert broadcast_compose.users(Roughly(10_000, "{}+")) == "10,000+ users"
    assert [broadcast_compose.users(one) for one in (1, 1_234)] == ["1 user", "1,234 users"]
    assert not Preview(None, None, [], {}).is_exact


# --- confirming ------------------------------------------------------------------------


def test_confirmed_it_is_queued_and_recorded(sender: Staff, alice: Any) -> None:
    row = confirmed(sender)
    assert (row.state, row.total, row.created_by) == (State.QUEUED, 2, sender.user)
    assert not Notification.objects.exists()
    said = [(f"broadcast {row.pk}", "Queued for 2 users: all active users.")]
    assert sender.recorded() == said
    page = sender.detail(BROADCASTS, row.pk)
    assert "No server has taken it up yet. None is running." in page
    assert "0 of 2 notified" in page


def test_confirmed_twice_it_is_one(sender: Staff, alice: Any) -> None:
    data = {**hidden_fields(previewed(sender)), "_confirm": "1"}
    sender.client.post(ADD, data)
    again = sender.client.post(ADD, data, follow=True).content.decode()
    assert "It had been confirmed already, and is sent once." in in_words(again)
    assert Broadcast.objects.count() == 1
    carry_out()
    sender.client.post(ADD, data)
    carry_out()
    assert counts() == {1}


def test_confirmed_twice_in_one_moment_it_is_one(sender: Staff, alice: Any) -> None:
    data = {**hidden_fields(previewed(sender)), "_confirm": "1"}

    def post() -> int:
        client = Client()
        client.force_login(sender.user)
        return client.post(ADD, data).status_code

    assert at_once(post, post) == [302, 302]
    assert Broadcast.objects.count() == 1


def test_a_confirmation_without_its_key_is_not_taken(sender: Staff) -> None:
    for once in ("", "nonsense"):
        page = sender.client.post(ADD, {**written(), "_confirm": "1", "once": once})
        assert not Broadcast.objects.exists()
    sender.client.post(ADD, {**hidden_fields(page.content.decode()), "_confirm": "1"})
    assert Broadcast.objects.count() == 1


# --- who may do what -------------------------------------------------------------------


def test_who_may_only_look_neither_writes_nor_stops(reader: Staff) -> None:
    row = queued()
    page = reader.detail(BROADCASTS, row.pk)
    assert "Stop" not in page
    assert "Back at 9:00" in page
    for path in (ADD, f"/admin/notifications/broadcast/{row.pk}/stop/",
                 f"/admin/notifications/broadcast/{row.pk}/resume/"):  # fmt: skip
        assert reader.client.post(path, written(_confirm="1")).status_code == 403
    assert reader.client.get(ADD).status_code == 403
    assert Broadcast.objects.get().state == State.QUEUED


def test_who_may_only_write_is_led_back_to_the_index(alice: Any) -> None:
    writer = Staff("wilma", permissions=["add"])
    data = {**hidden_fields(previewed(writer)), "_confirm": "1"}
    response = writer.client.post(ADD, data, follow=True)
    assert response.redirect_chain == [("/admin/", 302)]
    assert "The broadcast is queued" in response.content.decode()
    path = f"/admin/notifications/broadcast/{Broadcast.objects.get().pk}/change/"
    assert writer.client.get(path).status_code == 403


def test_users_and_visitors_are_sent_to_the_sign_in(alice: Any) -> None:
    client = Client()
    for _ in range(2):
        for path in (ADD, f"/admin/notifications/broadcast/{queued().pk}/stop/"):
            response = client.post(path, written())
            assert response.status_code == 302
            assert "/login/" in response["Location"]
        client.force_login(alice)


def test_another_site_s_form_is_refused(sender: Staff) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(sender.user)
    for path in (ADD, f"/admin/notifications/broadcast/{queued().pk}/stop/"):
        assert strict.post(path, written(_confirm="1", once=str(uuid4()))).status_code == 403


def test_stopping_needs_a_post_and_a_broadcast(sender: Staff) -> None:
    assert (
        sender.client.get(f"/admin/notifications/broadcast/{queued().pk}/stop/").status_code == 405
    )
    assert sender.client.post("/admin/notifications/broadcast/999/stop/").status_code == 404


def test_one_under_way_is_not_deleted(sender: Staff) -> None:
    row = queued()
    path = reverse(f"admin:{BROADCASTS}_delete", args=[row.pk])
    assert sender.client.post(path, {"post": "yes"}).status_code == 403
    pressed(sender, "stop", row)
    assert sender.client.post(path, {"post": "yes"}).status_code == 302
    assert not Broadcast.objects.exists()


# --- carried out -----------------------------------------------------------------------


async def test_who_is_connected_is_told_by_socket_and_by_poll(
    server: Address, sender: Staff, alice: Any, bob: Any
) -> None:
    async with open_socket(server, alice) as socket, open_http(server, bob) as http:
        poller = Poller(http, bob)
        await poller.poll(timeout=0)
        row = await in_thread(confirmed, sender, extra='{"day": 5}')
        while (frame := await socket.receive())["type"] != "notification":
            pass
        assert frame["payload"]["message"] == "Back at 9:00"
        assert frame["payload"]["extra"] == {"day": 5}
        async with asyncio.timeout(PATIENCE):
            seen: list[dict[str, Any]] = []
            while not any(event["type"] == "notification" for event in seen):
                seen = await poller.events(1)
        assert [one["payload"]["message"] for one in seen if one["type"] == "notification"] == [
            "Back at 9:00"
        ]
        done = await until(row, is_done)
    assert (done.notified, done.total) == (3, 3)
    page = await in_thread(sender.detail, BROADCASTS, row.pk)
    assert "Done Everybody was told." in page
    assert "3 notified" in page


@pytest.fixture
def small_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn is one batch of two users."""
    monkeypatch.setattr(broadcast_queue, "BATCH", 2)
    monkeypatch.setattr(broadcast_queue, "TURN_SECONDS", 1e-9)


def test_stopped_and_resumed_it_tells_nobody_twice(
    sender: Staff, alice: Any, small_turns: None
) -> None:
    make_many(3)
    row = confirmed(sender)
    carry_out()
    assert "Stopped. Nobody is told twice." in pressed(sender, "stop", row)
    carry_out()
    row.refresh_from_db()
    assert (row.state, row.notified) == (State.STOPPED, 2)
    page = sender.detail(BROADCASTS, row.pk)
    assert "2 of 5 notified" in page
    assert "Nothing was done: It is not under way." in pressed(sender, "stop", row)
    assert "Resumed." in pressed(sender, "resume", row)
    assert "Nothing was done: It had not stopped." in pressed(sender, "resume", row)
    while Broadcast.objects.get().state != State.DONE:
        carry_out()
    assert counts() == {1}
    said = [text for _, text in sender.recorded()]
    assert said[1:] == ["Stopped, 2 notified.", "Resumed, 2 notified."]


@pytest.mark.parametrize("server_dies", [True, False])
def test_nobody_is_told_after_the_answer_to_stop(
    sender: Staff, alice: Any, small_turns: None, server_dies: bool
) -> None:
    """Neither by a server that has it in hand, nor by who takes it up then."""
    make_many(3)
    row = queued()
    assert broadcast_queue._claim() is not None
    pressed(sender, "stop", row)
    if server_dies:
        Broadcast.objects.update(lease_until=F("lease_until") - timedelta(minutes=1))
        carry_out()
    else:
        broadcast_queue._tell(row.pk)
    assert not Notification.objects.exists()


def between_batches(pk: int) -> tuple[Broadcast, int]:
    """The row, and how many notifications there are then: a batch under way ends first."""
    with transaction.atomic():
        row = Broadcast.objects.select_for_update().get(pk=pk)
        return row, Notification.objects.count()


async def test_what_a_killed_server_has_begun_another_ends(sender: Staff, alice: Any) -> None:
    await in_thread(make_many, 2_000)
    with server_process(REDIS_URL="") as (_, process):
        row = await in_thread(confirmed, sender)
        await until(row, lambda found: found.notified > 0)
        process.kill()
        process.wait()
    killed, told = await in_thread(between_batches, row.pk)
    assert killed.state == State.RUNNING
    assert 0 < killed.notified < 2_002
    assert killed.notified == told
    with server_process(REDIS_URL=""):
        done = await until(row, is_done)
    assert done.notified == 2_002
    assert await in_thread(counts) == {1}


def test_of_two_servers_one_has_it(alice: Any, bob: Any) -> None:
    queued()
    claims = at_once(broadcast_queue._claim, broadcast_queue._claim)
    assert [type(claim) for claim in claims if claim] == [tuple]
    assert broadcast_queue._claim() is None
    Broadcast.objects.update(lease_until=F("lease_until") - broadcast_queue.LEASE)
    assert broadcast_queue._claim() is not None


def test_two_broadcasts_take_turns(alice: Any, bob: Any, carol: Any, small_turns: None) -> None:
    one, two = queued("one"), queued("two")
    carry_out()
    carry_out()
    told = Counter(Notification.objects.values_list("message", flat=True))
    assert told == {"one": 2, "two": 2}
    assert {one.pk, two.pk} == set(Broadcast.objects.values_list("pk", flat=True))


def test_it_gives_way_while_the_outbox_is_long(
    alice: Any, bob: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcasts, "LONGEST_OUTBOX", 0)
    monkeypatch.setattr(broadcast_queue, "TURN_SECONDS", 0.2)
    services.notify(alice, "note", "Something else")
    queued()
    carry_out()
    assert Notification.objects.count() == log.backlog() == 1
    row = Broadcast.objects.get()
    assert (row.state, row.notified) == (State.RUNNING, 0)


def test_what_cannot_be_carried_out_fails_with_the_reason(
    sender: Staff, alice: Any, caplog: pytest.LogCaptureFixture
) -> None:
    row = queued(audience={"description": "x", "lookups": [["gone", "1"]], "keys": None})
    carry_out()
    assert "has failed" in caplog.text
    page = sender.detail(BROADCASTS, row.pk)
    assert "Failed Who has been told stays told." in page
    assert "ValueError: gone=1: Cannot resolve keyword 'gone'" in page
    row.refresh_from_db()
    row.audience = {"description": "x", "lookups": [], "keys": None}
    row.save()
    pressed(sender, "resume", row)
    carry_out()
    row.refresh_from_db()
    assert (row.state, row.reason, unread(alice)) == (State.DONE, "", 1)


def test_what_may_pass_is_tried_again(
    sender: Staff, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = queued()

    def deadlocked(*args: Any, **kwargs: Any) -> int:
        raise IntegrityError("deleted meanwhile")

    with monkeypatch.context() as failing:
        failing.setattr(broadcasts, "notify_many", deadlocked)
        with pytest.raises(IntegrityError):
            carry_out()
    assert "IntegrityError: deleted meanwhile" in sender.detail(BROADCASTS, row.pk)
    carry_out()
    assert not Notification.objects.exists(), "not at once"
    Broadcast.objects.update(lease_until=F("lease_until") - broadcast_queue.LEASE)
    carry_out()
    row.refresh_from_db()
    assert (row.state, row.reason, unread(alice)) == (State.DONE, "", 1)


def test_what_takes_too_long_to_count_is_carried_out_uncounted(
    alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = queued()
    with patch.object(Audience, "count", side_effect=OperationalError("canceling statement")):
        carry_out()
    row.refresh_from_db()
    assert (row.state, row.total, unread(alice)) == (State.DONE, None, 1)


def test_one_that_was_deleted_meanwhile_is_let_go(alice: Any) -> None:
    row = queued()
    assert broadcast_queue._claim() is not None
    Broadcast.objects.all().delete()
    broadcast_queue._tell(row.pk)
    assert not Notification.objects.exists()


# --- beside the command ----------------------------------------------------------------


def test_the_command_s_broadcasts_are_listed(sender: Staff, alice: Any) -> None:
    call_command("broadcast", "From a shell", "--all")
    (row,) = sender.rows(BROADCASTS)
    for part in ("From a shell", "all active users", "manage.py broadcast", "Done", "2 notified"):
        assert part in row
    assert sender.rows(BROADCASTS, state__exact="queued") == []


def test_servers_leave_a_command_s_broadcast_alone_until_they_are_asked(
    sender: Staff, alice: Any
) -> None:
    row = broadcasts.draft(broadcasts.Content(message="Hello"), Audience("all active users"))
    row.save()
    carry_out()
    assert not Notification.objects.exists()
    assert "A command carries it out." in sender.detail(BROADCASTS, row.pk)
    assert "It had not stopped." in pressed(sender, "resume", row)
    Broadcast.objects.update(started_at=F("started_at") - timedelta(minutes=2))
    assert "Interrupted The command" in sender.detail(BROADCASTS, row.pk)
    assert "Resumed." in pressed(sender, "resume", row)
    carry_out()
    assert unread(alice) == 1


def test_a_command_ends_when_it_is_stopped_and_goes_on_by_resume(
    sender: Staff, alice: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    row = broadcasts.draft(broadcasts.Content(message="Hello"), Audience("all active users"))
    row.save()
    pressed(sender, "stop", row)
    assert broadcasts.advance(row.pk, Audience("all active users"), 10) is None
    call_command("broadcast", "--resume", str(row.pk))
    assert "2 users notified." in capsys.readouterr().out
    assert Broadcast.objects.get().state == State.DONE


def test_a_version_without_states_tells_nobody_of_what_is_done(alice: Any) -> None:
    queued()
    carry_out()
    make_user("newcomer")
    row = Broadcast.objects.get()
    assert broadcasts.audience_of(row).after(row.last_key, 10).keys == []
    assert row.audience["description"] == "all active users"


def test_a_text_that_comes_from_elsewhere_is_not_kept(sender: Staff, alice: Any) -> None:
    content = broadcasts.Content(message="Secret", subject="comment_7", extra={"text": "Secret"})
    row = broadcasts.draft(content, Audience("all active users"))
    row.save()
    assert broadcasts.advance(row.pk, Audience("all active users"), 10) is not None
    assert "Secret" not in sender.detail(BROADCASTS, row.pk)
    assert Notification.objects.filter(message="Secret").count() == 2


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.STOPPED, State.FAILED])
def test_what_is_erased_half_way_is_told_to_nobody_else(
    sender: Staff, alice: Any, bob: Any, state: str
) -> None:
    content = broadcasts.Content(message="Secret", subject="comment_7")
    row = broadcasts.draft(content, Audience("all active users"))
    row.save()
    broadcasts.advance(row.pk, Audience("all active users"), 1)
    Broadcast.objects.update(state=state)
    services.erase_subject("comment_8")
    assert "Secret" in sender.detail(BROADCASTS, row.pk)
    services.erase_subject("comment_7")
    page = sender.detail(BROADCASTS, row.pk)
    assert "What it was about was deleted" in page
    assert "Everybody was told" not in page
    assert "Secret" not in page
    assert "It had not stopped." in pressed(sender, "resume", row)
    carry_out()
    assert Notification.objects.count() == 1
    assert not Notification.objects.filter(message="Secret").exists()


def test_a_supervisor_does_not_undo_what_somebody_has_decided(sender: Staff, alice: Any) -> None:
    stopped = broadcasts.draft(broadcasts.Content(message="Hello"), Audience("all active users"))
    stopped.save()
    pressed(sender, "stop", stopped)
    queued("Of the servers")
    with pytest.raises(CommandError, match=f"Say which: --resume ID. broadcast {stopped.pk} of"):
        call_command("broadcast", "--resume")
    assert not Notification.objects.exists()
