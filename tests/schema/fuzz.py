"""`python -m tests.schema.fuzz`: schemathesis against a server of its own.

Every operation of `schema/openapi.json`, with a real token, on a scratch SQLite
database: no server errors, and no answers that contradict the schema.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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

CONFIG = """\
[parameters]
# Whoever asks for another user's events gets 403, and little would be tried.
"query.user_id" = "{user_id}"
"body.user_id" = "{user_id}"
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


def _run(folder: Path) -> int:
    from django.conf import settings
    from django.core.management import call_command

    from notifications.services import notify
    from tests.people import make_user, token_for
    from tests.servers import server_process

    call_command("migrate", verbosity=0)
    settings.REALTIME = {**settings.REALTIME, **OPTIONS}
    alice = make_user("alice")
    for number in range(3):
        notify(alice, "note", f"Note {number}")
    config = folder / "schemathesis.toml"
    config.write_text(CONFIG.format(user_id=alice.pk))
    with server_process() as (server, _):
        command = [
            *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(config)),
            *("run", str(SCHEMA), "--url", server.http, "--checks", ",".join(CHECKS)),
            *("--header", f"Authorization: Bearer {token_for(alice)}"),
            *("--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES)),
            *("--seed", "1", "--generation-database", "none", "--workers", "4", "--no-color"),
        ]
        return subprocess.run(command, cwd=folder, check=False).returncode


if __name__ == "__main__":
    with _scratch_site() as folder:
        sys.exit(_run(folder))
