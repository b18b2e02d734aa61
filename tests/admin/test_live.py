"""Live connections and nodes in the admin, of real servers, and ending connections there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from realtime import sessions
from realtime.admin import disconnecting
from realtime.models import Node, OutboxEvent, Session
from realtime.users import user_id
from tests.admin.staff import CONNECTIONS, NODES, POLLS, Staff
from tests.clients import in_thread, open_http, open_socket
from tests.people import login_name, make_user
from tests.presence.watching import connect, new_node, until
from tests.servers import Address, server_process

OFTEN = pytest.mark.options(LEASE_INTERVAL=0.05)
CONNECTION_LIST = "admin:realtime_session_changelist"
LONG_AGO = timezone.now() - timedelta(days=1)


def key_of(user: Any) -> str:
    """The id of the user's only connection."""
    return str(Session.objects.get(user=user).pk)


def disconnect(staff: Staff, *keys: object) -> str:
    """Choose these connections, and say yes to the page that asks: what is to be read then."""
    return staff.act(CONNECTIONS, "disconnect", *keys, confirmed="yes")


def ordered() -> int:
    """How many orders to nodes wait for their numbers."""
    return OutboxEvent.objects.filter(control=True).count()


# --- looking ---------------------------------------------------------------------------


@OFTEN
async def test_a_connection_is_shown_with_what_its_node_reports(
    server: Address, operator: Staff, alice: Any
) -> None:
    async with open_socket(server, alice) as socket:
        await socket.ask("subscribe", {"channel": "feed:updates"})
        await until(Session.objects.filter(subscriptions=2).exists)
        node = await in_thread(Node.objects.get)
        key = await in_thread(key_of, alice)
        (row,) = await in_thread(operator.rows, CONNECTIONS)
        for shown in (login_name(alice), node.name, "WebSocket", "127.0.0.1", "active"):
            assert shown in row
        assert row.split()[-4:] == ["2", "0", "bytes", "WebSocket"]
        page = await in_thread(operator.detail, CONNECTIONS, key)
        for shown in (key, login_name(alice), node.name, "WebSocket", "127.0.0.1", "0 bytes"):
            assert shown in page


@OFTEN
async def test_each_of_two_nodes_leads_to_its_own_connections(
    operator: Staff, alice: Any, bob: Any
) -> None:
    with server_process() as (one, _), server_process() as (two, _):
        async with open_socket(one, alice) as first, open_socket(two, bob) as second:
            await first.silence()
            await second.silence()
            await until(lambda: Node.objects.filter(connections=1).count() == 2)
            assert len(await in_thread(operator.rows, CONNECTIONS)) == 2
            nodes = await in_thread(operator.rows, NODES)
            page = await in_thread(operator.client.get, reverse("admin:realtime_node_changelist"))
            for server, user in ((one, alice), (two, bob)):
                node = await in_thread(Node.objects.get, sessions__user=user)
                (listed,) = [row for row in nodes if node.name in row]
                assert node.name.endswith(f":{server.pid}")
                assert "living" in listed
                link = f"{reverse(CONNECTION_LIST)}?node={node.pk}"
                assert f'href="{link}">1</a>' in page.content.decode()
                (row,) = await in_thread(operator.rows, CONNECTIONS, node=str(node.pk))
                assert login_name(user) in row


def test_only_sockets_of_living_nodes_are_listed(operator: Staff, alice: Any, bob: Any) -> None:
    dead = new_node()
    gone = connect(alice, dead)
    connect(bob)
    Node.objects.filter(pk=dead).update(renewed_at=LONG_AGO)
    (row,) = operator.rows(CONNECTIONS)
    assert login_name(bob) in row
    assert operator.rows(CONNECTIONS, node=str(dead)) == []
    disconnect(operator, gone)
    assert ordered() == 0


def test_they_are_found_by_user_id_address_and_state(
    operator: Staff, alice: Any, bob: Any, carol: Any
) -> None:
    node = new_node()
    for user, address in ((alice, "192.0.2.7"), (bob, "192.0.2.99"), (carol, "2001:db8::1")):
        sessions.open_session(user_id(user), node, address)
    Session.objects.filter(user=bob).update(idle=True, buffered_bytes=2_000_000)
    Session.objects.filter(user=carol).update(buffered_bytes=0)
    found = {
        ("q", login_name(alice)): {alice},
        ("q", key_of(bob)): {bob},
        ("q", str(uuid4())): set(),
        ("q", "nobody"): set(),
        ("user", login_name(carol)): {carol},
        ("address", "192.0.2."): {alice, bob},
        ("address", "192.0.2.9"): {bob},
        ("state", "idle"): {bob},
        ("state", "active"): {alice, carol},
        ("state", "slow"): {bob},
        ("node", str(node)): {alice, bob, carol},
        ("node", str(uuid4())): set(),
        ("node", "nonsense"): set(),
    }
    for (name, value), users in found.items():
        rows = operator.rows(CONNECTIONS, **{name: value})
        assert len(rows) == len(users), (name, value)
        for user in users:
            assert any(login_name(user) in row for row in rows), (name, value)
    assert "1.9 MB" in operator.rows(CONNECTIONS, state="slow")[0]


async def test_who_polls_is_listed_apart(server: Address, operator: Staff, bob: Any) -> None:
    async with open_http(server, bob) as http:
        await http.get("/api/v1/realtime/poll", params={"user_id": user_id(bob), "timeout": 0})
        await until(lambda: len(operator.rows(POLLS)) == 1)
        (row,) = await in_thread(operator.rows, POLLS, q=login_name(bob))
        assert login_name(bob) in row
        assert "Long poll" in row
        assert await in_thread(operator.rows, POLLS, q="nobody") == []
        assert await in_thread(operator.rows, CONNECTIONS) == []
        page = await in_thread(operator.client.get, reverse(CONNECTION_LIST))
        assert reverse("admin:realtime_polllease_changelist") in page.content.decode()


def test_nodes_say_how_they_are(operator: Staff) -> None:
    living, leaving, dead, older = (new_node() for _ in range(4))
    for key in (living, leaving, dead):
        Node.objects.filter(pk=key).update(
            name=f"web{key}", reported_at=timezone.now(), connections=3, subscriptions=12,
            buffered_bytes=2_048, waiting_polls=5, position=993, behind=7, version="1.2.3",
        )  # fmt: skip
    Node.objects.filter(pk=leaving).update(leaving=True)
    Node.objects.filter(pk=dead).update(renewed_at=LONG_AGO)
    rows = {row.split()[0]: row for row in operator.rows(NODES)}
    for key, state in ((living, "living"), (leaving, "leaving"), (dead, "dead")):
        assert f"web{key} {state} " in rows[f"web{key}"]
        assert "3 5 2.0 KB 7 1.2.3" in rows[f"web{key}"]
    page = operator.detail(NODES, living)
    for shown in ("Events behind: 7", "Position: 993", "Subscriptions: 12", "living"):
        assert shown in page
    # One of a version that does not report.
    assert "Events behind: -" in operator.detail(NODES, older)


def test_more_connections_and_nodes_take_no_more_queries(operator: Staff) -> None:
    for model in (CONNECTIONS, NODES, POLLS):
        counts = []
        for number in range(3):
            node = new_node()
            users = [make_user(f"{model}{number}{one}") for one in range(5)]
            for user in users:
                connect(user, node)
            sessions.renew_poll_leases([user_id(user) for user in users])
            with CaptureQueriesContext(connection) as captured:
                assert len(operator.rows(model)) >= 1 + number
            counts.append(len(captured))
        assert counts[1] == counts[2], captured.captured_queries


# --- disconnecting -----------------------------------------------------------------------


async def test_of_two_nodes_the_one_that_has_it_ends_the_connection(
    operator: Staff, alice: Any, bob: Any
) -> None:
    with server_process() as (one, _), server_process() as (two, _):
        async with (
            open_socket(one, alice) as first,
            open_socket(two, bob) as chosen,
            open_socket(two, alice) as other,
        ):
            for socket in (first, chosen, other):
                await socket.silence()
            key = await in_thread(key_of, bob)
            node = await in_thread(Node.objects.get, sessions=key)
            asked = await in_thread(operator.act, CONNECTIONS, "disconnect", key)
            assert "about to end this connection" in asked
            assert login_name(bob) in asked
            await chosen.silence()
            done = await in_thread(disconnect, operator, key)
            assert "1 connection was told to end" in done
            assert "Clients come back by themselves" in done
            code, before = await chosen.closed()
            assert code == 4000
            goodbye = before[-1]
            assert goodbye["type"] == "disconnect"
            assert goodbye["payload"]["reason"] == "ended_by_operator"
            assert goodbye["payload"]["reconnect"] is True
            await first.silence()
            await other.silence()
            await until(lambda: not Session.objects.filter(user=bob).exists())
    assert await in_thread(operator.recorded) == [
        (f"user {bob.pk} from 127.0.0.1", f"Disconnected {login_name(bob)} from {node}.")
    ]


def test_it_asks_before_it_does_anything(operator: Staff, alice: Any, bob: Any) -> None:
    keys = [connect(alice), connect(bob)]
    page = operator.act(CONNECTIONS, "disconnect", *keys)
    assert "about to end these 2 connections" in page
    assert ordered() == 0
    assert operator.recorded() == []
    assert "2 connections were told to end" in disconnect(operator, *keys)
    assert ordered() == 2
    assert len(operator.recorded()) == 2


def test_all_that_a_filter_leaves_can_be_chosen(operator: Staff, alice: Any, bob: Any) -> None:
    for _ in range(3):
        connect(alice)
    connect(bob)
    page = operator.act(CONNECTIONS, "disconnect", key_of(bob), across=True)
    assert "about to end these 4 connections" in page


def test_what_has_ended_already_is_no_error(operator: Staff, alice: Any, bob: Any) -> None:
    gone, there = connect(alice), connect(bob)
    sessions.close_sessions([gone])
    done = disconnect(operator, gone, there)
    assert "1 connection was told to end" in done
    assert "1 connection had ended already" in done
    assert "1 connection had ended already" in operator.act(CONNECTIONS, "disconnect", gone)
    assert ordered() == 1


def test_too_many_at_once_are_refused(
    operator: Staff, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disconnecting, "MOST_AT_ONCE", 2)
    keys = [connect(alice) for _ in range(3)]
    for done in (disconnect(operator, *keys), operator.act(CONNECTIONS, "disconnect", *keys)):
        assert "Nothing was done: choose at most 2 connections" in done
    assert ordered() == 0
    monkeypatch.setattr(disconnecting, "SHOWN", 1)
    page = operator.act(CONNECTIONS, "disconnect", *keys[:2])
    assert "These are the first 1 of them" in page


def test_who_may_only_look_ends_nothing(alice: Any) -> None:
    looks = Staff("lena", permissions=["view", "change"])
    key = connect(alice)
    assert "Disconnect" not in looks.overview(CONNECTIONS)
    disconnect(looks, key)
    assert ordered() == 0
    ends = Staff("elsa", permissions=["view", "delete"])
    assert "Disconnect" in ends.overview(CONNECTIONS)
    disconnect(ends, key)
    assert ordered() == 1


def test_who_may_not_look_sees_nothing(alice: Any) -> None:
    nobody = Staff("nils")
    key = connect(alice)
    for model in (CONNECTIONS, NODES, POLLS):
        path = reverse(f"admin:{model}_changelist")
        assert nobody.client.get(path).status_code == 403
    chosen = {"action": "disconnect", "_selected_action": key, "confirmed": "yes"}
    assert nobody.client.post(reverse(CONNECTION_LIST), chosen).status_code == 403
    assert ordered() == 0


@pytest.mark.parametrize("model", [CONNECTIONS, NODES, POLLS])
def test_nothing_is_added_changed_or_deleted_by_hand(root: Staff, alice: Any, model: str) -> None:
    key = connect(alice)
    sessions.renew_poll_leases([user_id(alice)])
    pk = {CONNECTIONS: key, NODES: Session.objects.get().node_id, POLLS: alice.pk}[model]
    assert root.client.get(reverse(f"admin:{model}_add")).status_code == 403
    for page in ("change", "delete"):
        path = reverse(f"admin:{model}_{page}", args=[pk])
        assert root.client.post(path, {"post": "yes"}).status_code == 403
    assert Session.objects.filter(pk=key).exists()
