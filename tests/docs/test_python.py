"""The documentation's Python runs.

Files of the integration are run by `tests/monolith`, and what docs/python-client.md has by
`tests/client/test_docs.py`, with a server.
"""

from __future__ import annotations

import doctest
import re
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from django.contrib.auth import get_user_model
from django.db import migrations, models, transaction

from notifications import texts
from realtime import frame_types, registry
from realtime.conf import OPTION_NAMES
from socialhub.models import Like, Post
from tests.docs.blocks import Block, to_run
from tests.people import make_user
from tests.servers import ROOT

RUN_WITH_A_SERVER = "docs/python-client.md"
NUMBER = re.compile(r"\d+")
# What a page leaves to its readers.
FILLED_IN = {"models.Index(...)": 'models.Index(fields=["type"], name="notification_type")'}


class PinRequest(msgspec.Struct):
    """The payload of a command of the reader's own."""

    note_id: str


@pytest.fixture
def registries(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a page registers is forgotten after it."""
    for module, name in (
        (registry, "_commands"),
        (registry, "_kinds"),
        (frame_types, "_events"),
        (frame_types, "_requests"),
    ):
        monkeypatch.setattr(module, name, dict(getattr(module, name)))
    monkeypatch.setattr(texts, "_texts", {})  # without the sample site's


@pytest.fixture
def names(db: None) -> dict[str, Any]:
    """What the readers of these pages have already."""
    alice, bob = make_user("alice"), make_user("bob")
    post: Any = Post.objects.create(author=alice, text="Hello")
    post.title = "Hello"  # which the sample site's have not
    return {
        "User": get_user_model(),
        "Like": Like,
        "models": models,
        "migrations": migrations,
        "label": "notifications",
        "pytest": pytest,
        "alice": alice,
        "bob": bob,
        "user": bob,
        "recipient": alice,
        "post": post,
        "PinRequest": PinRequest,
        "may_read": lambda user_id, argument: True,
        "summary": lambda user_id, argument: {},
        "services": SimpleNamespace(pin=lambda user_id, note_id: note_id),
    }


PAGES: dict[str, list[Block]] = {}
for block in to_run("python"):
    if block.page != RUN_WITH_A_SERVER:
        PAGES.setdefault(block.page, []).append(block)


@pytest.mark.parametrize("page", PAGES)
def test_the_python_of_a_page_runs_from_its_top_to_its_end(
    page: str, names: dict[str, Any], registries: None
) -> None:
    for block in PAGES[page]:
        text = block.text
        for left_out, given in FILLED_IN.items():
            text = text.replace(left_out, given)
        # The lines of the page, for tracebacks.
        program = compile("\n" * block.line + text, ROOT / page, "exec")
        with transaction.atomic():
            exec(program, names)
        assert set(names.pop("REALTIME", {})) <= OPTION_NAMES, block


@pytest.mark.named_users
@pytest.mark.parametrize("block", [b for b in to_run("console") if ">>> " in b.text], ids=str)
def test_a_session_in_the_shell_prints_what_it_shows(block: Block, db: None) -> None:
    make_user("alice")
    make_user("bob")
    names: dict[str, Any] = {}
    for example in doctest.DocTestParser().get_examples(block.text):
        if example.want:
            found = repr(eval(example.source, names))
            assert NUMBER.sub("n", found) == NUMBER.sub("n", example.want.strip())
        else:
            exec(example.source, names)
