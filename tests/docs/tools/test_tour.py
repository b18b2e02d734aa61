"""What the pages ask with curl is answered as they show."""

from __future__ import annotations

import json
from typing import Any

import pytest

from notifications.services import notify
from realtime.users import user_id
from socialhub.demo import PASSWORD
from tests.docs.blocks import PROMPT, SHELLS, to_run
from tests.docs.test_json import validate
from tests.docs.tools.running import run
from tests.people import make_user
from tests.servers import Address

ASKED = [
    command
    for block in to_run(*SHELLS)
    for command in block.commands()
    if "curl" in command and "TOKEN=$" not in command
]
(LOG_IN,) = (
    command for block in to_run(*SHELLS) for command in block.commands() if "TOKEN=$" in command
)


@pytest.mark.named_users
@pytest.mark.parametrize("command", ASKED)
def test_a_question_is_answered(command: str, server: Address, transactional_db: None) -> None:
    alice: Any = make_user("alice")
    alice.set_password(PASSWORD)
    alice.save()
    notify(alice, "like", "Bob liked your post")
    script = f"set -e\n{LOG_IN.removeprefix(PROMPT)}\n{command}"
    script = script.replace("localhost:8082", f"127.0.0.1:{server.port}")
    script = script.replace("user_id=1", f"user_id={user_id(alice)}").replace(
        "timeout=30", "timeout=0"
    )
    answer = json.loads(run("sh", "-c", script))
    validate(answer, "PollAnswer")
