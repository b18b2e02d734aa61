"""`python -m tests.schema.fuzz`: schemathesis against a server of its own.

Every operation of `schema/openapi.json`, with a real token and session, on a
scratch SQLite database with people, posts and conversations in it: no server
errors, no answers that contradict the schema, and no operation that refused
everything it was asked.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
SCHEMA = ROOT / "schema" / "openapi.json"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
# Polls of a fuzzer are not to wait, nor to meet the limits.
OPTIONS = {"POLL_TIMEOUT": 0.05, "SENDS_PER_SECOND": 100_000}
EXAMPLES = 15
# How many posts, conversations and notifications there are: some will be deleted or left.
EACH = 30
PEOPLE = ("alice", "bob", "carol", "dave", "erin", "frank", "grace")

# Most ids and credentials sent are those of somebody or something: what only is
# refused is tried little.
CONFIG = """\
[warnings]
fail-on = true

[parameters]
"path.user_id" = {{ dictionary = "users", probability = 0.8 }}
"path.conversation_id" = {{ dictionary = "conversations", probability = 0.8 }}
"path.post_id" = {{ dictionary = "posts", probability = 0.8 }}
"path.notification_id" = {{ dictionary = "notifications", probability = 0.8 }}
"body.participant_ids[*]" = {{ dictionary = "users", probability = 0.8 }}
"body.username" = {{ dictionary = "names", probability = 0.8 }}
"body.password" = {{ dictionary = "passwords", probability = 0.9 }}
"body.refresh" = {{ dictionary = "refresh_tokens", probability = 0.8 }}

# Whoever asks for another user's events gets 403.
[[operations]]
include-path-regex = "/realtime/poll"
parameters = {{ "query.user_id" = "{alice}", "body.user_id" = "{alice}" }}

# Of so many types of frames those that it makes up may all be refused.
[[operations]]
include-path-regex = "/realtime/send$"
warnings = false

# Left to itself schemathesis takes the token's user, and nobody may follow themselves.
[[operations]]
include-path-regex = "/follow$"
parameters = {{ "path.user_id" = "{bob}" }}

# A message is deleted by who wrote it, in its conversation, which nobody is to leave before.
[[operations]]
include-path-regex = "/messages/.+$"
parameters = {{ "path.conversation_id" = "{own_talk}", "path.message_id" = "{own_message}" }}

[dictionaries]
"""


@contextmanager
def _scratch_site() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="schema-fuzz-") as folder:
        os.environ["DATABASE_URL"] = f"sqlite:///{folder}/site.sqlite3"
        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
        os.environ.pop("REDIS_URL", None)
        import django

        django.setup()
        yield Path(folder)


def _populate(alice: Any, others: list[Any]) -> dict[str, list[str]]:
    """Something of everything, and its ids."""
    from rest_framework_simplejwt.tokens import RefreshToken

    from messaging import services as messaging
    from notifications.services import notify
    from realtime.users import user_id
    from socialhub import services as socialhub
    from tests.people import PASSWORD

    ids = [user_id(user) for user in others]
    found = {
        "users": ids,
        "names": [alice.get_username()],
        "passwords": [PASSWORD],
        "refresh_tokens": [str(RefreshToken.for_user(alice))],
        "conversations": [],
        "notifications": [f"notif_{number}" for number in range(1, EACH)],
        "posts": [],
    }
    for number in range(EACH):
        conversation, _ = messaging.create_conversation(user_id(alice), ids[:2], f"{number}")
        messaging.send_message(ids[0], conversation.pk, "Hello!")
        found["conversations"].append(f"conv_{conversation.pk}")
        notify(alice, "note", f"{number}")
        post = socialhub.create_post(alice, "Hello, @bob!")
        socialhub.comment(others[0], post.pk, "Hello!")
        found["posts"].append(f"post_{post.pk}")
    return found


def _own_message(alice: Any, others: list[Any]) -> dict[str, str]:
    from messaging import services as messaging
    from realtime.users import user_id

    ids = [user_id(user) for user in others[:2]]
    conversation, _ = messaging.create_conversation(user_id(alice), ids)
    message = messaging.send_message(user_id(alice), conversation.pk, "Mine")
    return {"own_talk": message.conversation_id, "own_message": message.id}


def _headers(alice: Any) -> list[str]:
    """A token, and for whoever asks for it a session with its CSRF token."""
    from django.test import Client

    from tests.people import token_for

    browser = Client()
    browser.force_login(alice)
    session, csrf = browser.cookies["sessionid"].value, "x" * 32
    return [
        f"Authorization: Bearer {token_for(alice)}",
        f"Cookie: sessionid={session}; csrftoken={csrf}",
        f"X-CSRFToken: {csrf}",
    ]


def _run(folder: Path) -> int:
    from django.conf import settings
    from django.core.management import call_command

    from tests.people import make_user
    from tests.servers import server_process

    call_command("migrate", verbosity=0)
    settings.REALTIME = {**settings.REALTIME, **OPTIONS}
    # Seven: the user of the schema's examples has the id 7.
    alice, *others = (make_user(name) for name in PEOPLE)
    config = folder / "schemathesis.toml"
    values = _populate(alice, others).items()
    dictionaries = (f"{name} = {{ values = {json.dumps(each)} }}\n" for name, each in values)
    names = {"alice": alice.pk, "bob": others[0].pk, **_own_message(alice, others)}
    config.write_text(CONFIG.format(**names) + "".join(dictionaries))
    with server_process() as (server, _):
        command = [
            *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(config)),
            *("run", str(SCHEMA), "--url", server.http, "--checks", ",".join(CHECKS)),
            *(part for header in _headers(alice) for part in ("--header", header)),
            *("--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES)),
            # One worker. More are no quicker, and now and then one of them fails with "AST
            # constructor recursion depth mismatch": in CPython 3.11 threads that call
            # ast.parse, as hypothesis does, share its counter.
            *("--seed", "1", "--generation-database", "none", "--workers", "1", "--no-color"),
        ]
        return subprocess.run(command, cwd=folder, check=False).returncode


if __name__ == "__main__":
    with _scratch_site() as folder:
        sys.exit(_run(folder))
