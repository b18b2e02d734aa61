"""The Python of docs/python-client.md, as it stands there."""

from __future__ import annotations

import asyncio
import inspect
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from notifications.services import notify
from realtime.client import Client, Events
from realtime.lifecycle import local_nodes
from tests.client.helpers import client_of, take
from tests.clients import PATIENCE, in_thread
from tests.docs.blocks import Page
from tests.messaging.talk import pair
from tests.people import PASSWORD, login_name, token_for
from tests.servers import ROOT, Address, environment

FIRST, BOT, OPTIONS = (
    block.text
    for block in Page(ROOT / "docs/python-client.md").blocks
    if block.language == "python"
)


@asynccontextmanager
async def bot_of(server: Address, user: Any, folder: Path) -> AsyncIterator[None]:
    """The bot, listening; killed at the end of the block."""
    (folder / "bot.py").write_text(BOT)
    async with running(folder, "bot.py", server.http, login_name(user), PASSWORD) as printed:
        assert await asyncio.wait_for(printed.readline(), PATIENCE) == b"Listening\n"
        yield


@asynccontextmanager
async def running(folder: Path, *arguments: str) -> AsyncIterator[asyncio.StreamReader]:
    """What a Python program prints; killed at the end of the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-u", *arguments, cwd=folder, env=environment(), stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        yield process.stdout
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def answers(events: Events, count: int) -> list[str]:
    """What is said next, as many times."""
    return [(await take(events)).payload["content"] for _ in range(count)]


@pytest.mark.named_users
async def test_the_bot_answers_all_that_is_said_over_restarts_and_nothing_twice(
    server: Address, alice: Any, bob: Any, tmp_path: Path
) -> None:
    async with client_of(server.http, alice) as client:
        events = client.events("message")
        async with bot_of(server, bob, tmp_path):
            channel = f"conversation:conv_{await in_thread(pair, alice, bob)}"
            await client.subscribe(channel)
            await client.send("message", {"content": "one"}, channel=channel)
            assert await answers(events, 2) == ["one", "You said: one"]
            await client.send("message", {"content": "two"}, channel=channel)
            assert await answers(events, 2) == ["two", "You said: two"]
        await client.send("message", {"content": "three"}, channel=channel)
        async with bot_of(server, bob, tmp_path):
            assert await answers(events, 2) == ["three", "You said: three"]
            await client.send("message", {"content": "four"}, channel=channel)
            assert await answers(events, 2) == ["four", "You said: four"]


async def test_the_first_program_prints_what_is_told(
    server: Address, alice: Any, tmp_path: Path
) -> None:
    own = FIRST.replace("http://localhost:8082", server.http)
    own = own.replace("eyJhbGciOi…", token_for(alice))
    assert own.count(server.http) == 1
    (tmp_path / "first.py").write_text(own)
    async with running(tmp_path, "first.py") as printed:
        await connected()
        await in_thread(notify, alice, "like", "Bob liked your post")
        line = await asyncio.wait_for(printed.readline(), PATIENCE)
    assert line.startswith(b"notification {")
    assert b"Bob liked your post" in line


async def connected() -> None:
    """Return when a connection stands, and hears events."""
    async with asyncio.timeout(PATIENCE):
        while not any(node.connection_count for node in local_nodes()):
            await asyncio.sleep(0.02)


def test_the_options_are_the_client_s() -> None:
    shown = re.sub(r"\s+", " ", OPTIONS).strip()
    stub: dict[str, Any] = {}
    exec(f"def {shown}: pass", stub)
    found = inspect.signature(Client).parameters.values()
    assert [(p.name, p.kind, p.default) for p in found] == [
        (p.name, p.kind, p.default) for p in inspect.signature(stub["Client"]).parameters.values()
    ]
