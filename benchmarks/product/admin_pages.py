"""Fills the large tables, and opens the pages of the admin that show them.

`python -m benchmarks.product.admin_pages ROWS` does so in the database that
`benchmarks.product.prepare` has made, and writes a list of `Opened` as JSON.
"""

from __future__ import annotations

import sys
import time
from statistics import median

import django
import msgspec

TRIES = 3

# Ids are given in the order of time, as in real life. Most users have ten of everything,
# one conversation is very long, one type is very rare.
FILL = """
INSERT INTO notifications_notification (id, recipient_id, actor_id, type, message, post_id, extra,
    read_at, created_at)
SELECT n, 1 + n * 7919 % {users}, 1 + n * 104729 % {users},
    CASE WHEN n % 10000 = 0 THEN 'rare' ELSE (ARRAY['like', 'comment', 'follow'])[1 + n % 3] END,
    'Somebody has done number ' || n, '', '{{}}',
    CASE WHEN n % 30 = 0 THEN now() END, now() - ({rows} - n) * interval '8 seconds'
FROM generate_series(1::bigint, {rows}) AS n;

INSERT INTO realtime_event (sequence, event_id, type, channel, topic, recipients, payload,
    control, subject, author, created_at)
SELECT n, gen_random_uuid(),
    CASE WHEN n % 20000 = 0 THEN 'control.pruned' WHEN n % 10 = 0 THEN 'feed_update'
        WHEN n % 10 = 1 THEN 'presence' WHEN n % 10 < 6 THEN 'message' ELSE 'notification' END,
    CASE WHEN n % 20000 = 0 THEN '' WHEN n % 10 = 0 THEN 'feed:updates'
        WHEN n % 10 = 1 THEN 'presence:' || 1 + n * 7919 % {users}
        WHEN n % 10 < 6 THEN 'conversation:conv_' || 1 + n % {conversations}
        ELSE 'notifications' END,
    CASE WHEN n % 20000 = 0 THEN '' WHEN n % 10 = 0 THEN 'feed:updates' WHEN n % 10 = 1
        THEN 'presence' ELSE '' END,
    CASE WHEN n % 10 < 2 THEN '[]' ELSE '["' || 1 + n * 7919 % {users} || '"]' END,
    '{{"id":"notif_' || n || '","message":"Somebody has done it","status":"online"}}',
    n % 20000 = 0, CASE WHEN n % 10 < 6 THEN 'msg_' || n ELSE '' END,
    '', now() - ({rows} - n) * interval '80 milliseconds'
FROM generate_series(1::bigint, {rows}) AS n;

INSERT INTO realtime_eventrecipient (user_id, sequence)
SELECT 1 + n * 7919 % {users}, n FROM generate_series(1::bigint, {rows}) AS n WHERE n % 10 >= 2;

INSERT INTO realtime_loghead (id, epoch, sequence, pruned_through)
VALUES (1, 'benchmark', {rows}, 0)
ON CONFLICT (id) DO UPDATE SET sequence = {rows};

INSERT INTO messaging_conversation (id, pair, title, last_position, created_at, last_activity_at)
SELECT n, '', '', CASE WHEN n = 1 THEN {rows} / 10 ELSE 9 END, now(), now()
FROM generate_series(1::bigint, {conversations}) AS n;

INSERT INTO messaging_participant (conversation_id, user_id, joined_at, joined_position,
    last_read_position)
SELECT n, 1 + (n * 7919 + other) % {users}, now(), 0, 0
FROM generate_series(1::bigint, {conversations}) AS n, generate_series(0, 2) AS other;

INSERT INTO messaging_message (id, conversation_id, position, sender_id, content, created_at)
SELECT n, CASE WHEN n % 10 = 0 THEN 1 ELSE 2 + (n - n / 10 - 1) / 9 % ({conversations} - 1) END,
    CASE WHEN n % 10 = 0 THEN n / 10 ELSE n END, 1 + n * 7919 % {users},
    'Somebody says number ' || n, now() - ({rows} - n) * interval '8 seconds'
FROM generate_series(1::bigint, {rows}) AS n;

INSERT INTO messaging_readreceipt (message_id, user_id, read_at)
SELECT n, 1 + n % {users}, now() FROM generate_series({rows} / 2, {rows}) AS n;

INSERT INTO presence_presence (user_id, status, last_seen)
SELECT n, CASE WHEN n % 50 = 0 THEN 'online' WHEN n % 1001 = 0 THEN 'busy' ELSE 'offline' END,
    now() - n * interval '1 second'
FROM generate_series(1::bigint, {users}) AS n;

UPDATE auth_user SET is_staff = true, is_superuser = true WHERE id = 1;
"""

PAGES = {
    "notifications": "notifications/notification/",
    "a page in the middle": "notifications/notification/?p={page}",
    "last page": "notifications/notification/?p={last}",
    "unread": "notifications/notification/?read=no",
    "read": "notifications/notification/?read=yes",
    "a common type": "notifications/notification/?type=like",
    "a rare type": "notifications/notification/?type=rare",
    "of a user": "notifications/notification/?recipient=bench-77",
    "past hour": "notifications/notification/?period=1h",
    "past 30 days": "notifications/notification/?period=30d",
    "one day": "notifications/notification/?from={day}&until={day}",
    "unread of a type": "notifications/notification/?read=no&type=rare",
    "search: a user": "notifications/notification/?q=bench-77",
    "search: many users": "notifications/notification/?q=bench-7",
    "search: nobody": "notifications/notification/?q=nobody",
    "search: an e-mail": "notifications/notification/?q=a%40example.org",
    "search: an id": "notifications/notification/?q=notif_77",
    "search: a text": "notifications/notification/?q=text:zebra",
    "detail": "notifications/notification/{late}/change/",
    "events": "realtime/event/",
    "events, last page": "realtime/event/?p={last}",
    "for everybody": "realtime/event/?audience=everybody",
    "for the servers": "realtime/event/?audience=servers",
    "a user's": "realtime/event/?user=bench-77",
    "a channel's": "realtime/event/?channel=conversation:conv_17",
    "a common channel's": "realtime/event/?channel=notifications",
    "of a common type": "realtime/event/?type=message",
    "of a rare type": "realtime/event/?type=control.pruned",
    "events, past hour": "realtime/event/?period=1h",
    "events, search: a sequence": "realtime/event/?q=77",
    "events, search: a subject": "realtime/event/?q=msg_77",
    "events, search: a user": "realtime/event/?q=bench-77",
    "events, search: a text": "realtime/event/?q=text:zebra",
    "event": "realtime/event/{late}/change/",
    "replay": "realtime/event/replay/?sequence={late}",
    "messages": "messaging/message/",
    "messages, last page": "messaging/message/?p={last}",
    "of the long conversation": "messaging/message/?of=conv_1",
    "of a sender": "messaging/message/?sender=bench-77",
    "messages, search: a text": "messaging/message/?q=text:zebra",
    "message": "messaging/message/{late}/change/",
    "conversations": "messaging/conversation/",
    "with a user": "messaging/conversation/?participant=bench-77",
    "the long conversation": "messaging/conversation/1/change/",
    "its middle": "messaging/conversation/1/change/?before={middle}",
    "presence": "presence/presence/",
    "presence: busy": "presence/presence/?status=busy",
    "presence: chosen": "presence/presence/?chosen=busy",
    "presence: a user": "presence/presence/?q=bench-77",
}


class Opened(msgspec.Struct):
    """One page.

    Attributes:
        queries: how many it makes.
        seconds: what it takes, the median of some tries.
        slowest: the seconds of its slowest query.
        plan: that query, and its plan.
    """

    name: str
    queries: int
    seconds: float
    slowest: float
    plan: str


def main() -> None:
    rows = int(sys.argv[1])
    django.setup()
    from django.db import connection

    users, conversations = rows // 10, max(2, rows // 10)
    with connection.cursor() as cursor:
        cursor.execute(FILL.format(rows=rows, users=users, conversations=conversations))
        cursor.execute("VACUUM ANALYZE")
    print(msgspec.json.encode(list(_open_all(rows))).decode())


def _open_all(rows: int) -> list[Opened]:
    from datetime import timedelta

    from django.contrib.auth import get_user_model
    from django.test import Client
    from django.utils import timezone

    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(get_user_model().objects.get(pk=1))
    values = {
        "last": rows // 50,
        "page": rows // 100,
        "late": rows - 1,
        "middle": rows // 20,
        "day": (timezone.now() - timedelta(days=2)).date().isoformat(),
    }
    client.get("/admin/")  # what is imported and compiled once
    return [_open(client, name, "/admin/" + path.format(**values)) for name, path in PAGES.items()]


def _open(client: object, name: str, path: str) -> Opened:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    assert isinstance(client, Client)
    took = []
    for _ in range(TRIES):
        with CaptureQueriesContext(connection) as captured:
            began = time.perf_counter()
            response = client.get(path, secure=True)
            took.append(time.perf_counter() - began)
        assert response.status_code == 200, (path, response.status_code)
    queries = captured.captured_queries
    slowest = max(queries, key=lambda query: float(query["time"]))
    return Opened(name, len(queries), median(took), float(slowest["time"]), _plan(slowest["sql"]))


def _plan(statement: str) -> str:
    from django.db import connection

    if not statement.startswith("SELECT"):
        return statement
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {statement}")
        lines = [line for (line,) in cursor.fetchall()]
    return "\n".join([statement, *lines])


if __name__ == "__main__":
    main()
