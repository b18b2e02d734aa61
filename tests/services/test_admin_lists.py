"""The admin's pages on large tables: what PostgreSQL plans for them.

The tables are small here. That it must not read a table in its order shows what it would
do with a million rows; how long that takes measures `benchmarks/admin_lists.py`.
"""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from benchmarks.product.admin_pages import FILL, PAGES
from realtime.admin import large, searching

ROWS = 3_000
LARGE = (
    "notifications_notification",
    "realtime_event",
    "realtime_eventrecipient",
    "messaging_message",
    "messaging_conversation",
    "messaging_participant",
    "messaging_readreceipt",
    "presence_presence",
    "auth_user",
)
# Without an index only as there are no more users than people whom one asks for.
ON_PURPOSE = {"search: an e-mail": "auth_user"}
# What makes each filter quick.
SERVED_BY = {
    "a rare type": "notification_type",
    "unread of a type": "notification_type",
    "past hour": "notification_created",
    "one day": "notification_created",
    "of a user": "notification_newest",
    "a channel's": "realtime_event_channel",
    "of a rare type": "realtime_event_type",
    "for the servers": "realtime_event_control",
    "a user's": "realtime_eventrecipient_pkey",
    "events, search: a subject": "realtime_event_subject",
    "of the long conversation": "message_position",
    "its middle": "message_position",
    "read": "notification_read",
    "presence: busy": "presence_shown",
    "presence: chosen": "presence_chosen",
}


@pytest.fixture
def staff(transactional_db: None) -> Client:
    """A superuser, in front of tables with some thousands of rows."""
    assert connection.vendor == "postgresql", "tests/services needs DATABASE_URL=postgres://..."
    model = get_user_model()
    users = [model(pk=n, username=f"bench-{n}", password="!") for n in range(1, ROWS // 10 + 1)]
    model.objects.bulk_create(users)
    with connection.cursor() as cursor:
        cursor.execute(FILL.format(rows=ROWS, users=ROWS // 10, conversations=ROWS // 10))
        cursor.execute("ANALYZE")
    client = Client()
    client.force_login(model.objects.get(pk=1))
    return client


def queries_of(staff: Client, path: str) -> list[str]:
    """The queries with which a page reads."""
    late = {"late": ROWS - 1, "last": 2, "page": 2, "middle": ROWS // 20}
    day = (timezone.now() - timedelta(hours=4)).date().isoformat()
    with CaptureQueriesContext(connection) as captured:
        response = staff.get("/admin/" + path.format(**late, day=day))
    assert response.status_code == 200, path
    queries = [query["sql"] for query in captured.captured_queries]
    return [query for query in queries if query.startswith("SELECT")]


def plan_of(query: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        cursor.execute(f"EXPLAIN {query}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
        cursor.execute("RESET enable_seqscan")
    return plan


@pytest.mark.parametrize("name", PAGES)
def test_no_page_reads_or_counts_a_table(
    staff: Client, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "NEWEST", ROWS // 10)
    for query in queries_of(staff, PAGES[name]):
        if "COUNT(" in query and any(f'"{table}"' in query for table in LARGE):
            assert " LIMIT " in query or " GROUP BY " in query, query
        read = set(re.findall(r"Seq Scan on (\w+)", plan_of(query))) & set(LARGE)
        assert read <= {ON_PURPOSE.get(name)}, query


@pytest.mark.parametrize(("name", "index"), SERVED_BY.items())
def test_filters_are_served_by_their_index(staff: Client, name: str, index: str) -> None:
    plans = [plan_of(query) for query in queries_of(staff, PAGES[name])]
    assert any(index in plan for plan in plans), plans


def test_a_large_table_is_estimated_and_its_last_page_is_there(
    staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large, "COUNTED", 100)
    page = staff.get("/admin/notifications/notification/", {"p": ROWS // large.ROWS_PER_PAGE})
    assert f"~{ROWS:,} notifications" in page.content.decode()
    assert "notif_1<" in page.content.decode()
