"""docs/python-api.md shows everything that sites are to call, and nothing that is not there."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from types import FunctionType

import pytest

from tests.servers import ROOT

SECTION = re.compile(r"^::: ([\w.]+)\n +options:\n +members: \[([\w, ]+)\]$", re.M)
SHOWN = {
    module: names.split(", ")
    for module, names in SECTION.findall((ROOT / "docs/python-api.md").read_text())
}
# For other apps of the product, or for the engine, and not for sites.
OURS = {
    "notifications.services": {
        "News", "coalesced_news", "erase_actor", "notify_coalesced_news", "publish_coalesced",
        "try_lock_inboxes", "uncount", "unread_of",
    },
    "messaging.services": {
        "forget_user", "send_together", "typing_start", "typing_stop", "typing_together",
    },
    "presence.services": {"announce_end", "decide", "find_lost", "finish_graces"},
}  # fmt: skip


@pytest.mark.parametrize("module", OURS)
def test_every_public_function_is_shown(module: str) -> None:
    services = import_module(module)
    own = [
        name
        for name, value in vars(services).items()
        if isinstance(value, FunctionType) and value.__module__ == module and name[0] != "_"
    ]
    public = set(getattr(services, "__all__", own))
    assert public == set(SHOWN[module]) | OURS[module]


@pytest.mark.parametrize("module", SHOWN)
def test_what_is_shown_is_there_and_says_what_it_does(module: str) -> None:
    for name in SHOWN[module]:
        assert inspect.getdoc(getattr(import_module(module), name)), f"{module}.{name}"
