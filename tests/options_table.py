"""`python -m tests.options_table`: write the table of options in docs/operations.md anew."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

from realtime.conf import Options

PAGE = Path(__file__).resolve().parent.parent / "docs" / "operations.md"
HEAD = "| option | default | |\n|---|---|---|\n"


def table() -> str:
    """The options of `REALTIME` as Markdown, from `realtime.conf`."""
    rows = (
        f"| `{option.name}` | `{_as_python(option.default)}` | {option.metadata['help']} |\n"
        for option in fields(Options)
    )
    return HEAD + "".join(rows)


def written(page: str) -> str:
    """The text of `page` with the table as it should be, where the one on it is."""
    text, found = re.subn(re.escape(HEAD) + r"(\|.*\n)*", lambda _: table(), page)
    if found != 1:
        raise ValueError("The page has no table of options, or several")
    return text


def _as_python(value: Any) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
