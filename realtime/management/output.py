"""How commands print: tables, colours and progress for people, plain fields for scripts."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text


@dataclass(frozen=True, slots=True)
class Style:
    """What the caller wants to see.

    Attributes:
        color: colours may be used, on a terminal.
        forced: as on a terminal, wherever it goes.
    """

    color: bool = True
    forced: bool = False


def clean(value: object) -> str:
    """The value as text that cannot move a terminal's cursor or make a second field."""
    text = str(value)
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )


def fields(row: Sequence[object]) -> str:
    """The values between tabs, as `cut -f` takes them."""
    return "\t".join(_shown(value) for value in row)


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return clean(value)


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """A table whose values are never cut off; a value that is a `Text` keeps its colours."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for header in headers:
        made.add_column(header, overflow="fold")
    for row in rows:
        made.add_row(*(value if isinstance(value, Text) else Text(_shown(value)) for value in row))
    return made


def render(renderable: RenderableType, style: Style) -> str:
    """What a terminal is to be sent."""
    console = Console(
        file=io.StringIO(),
        force_terminal=True,
        color_system="auto" if style.color else None,
        highlight=False,
        markup=False,
        emoji=False,
    )
    with console.capture() as capture:
        console.print(renderable, soft_wrap=isinstance(renderable, Text))
    return capture.get()


@contextmanager
def progress(
    what: str, total: int | None, style: Style, *, shown: bool
) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr that goes away at the end."""
    console = Console(stderr=True, color_system="auto" if style.color else None)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not shown,
    ) as bar:
        task = bar.add_task(what, total=total)
        yield lambda steps: bar.advance(task, steps)


def counted(number: int, noun: str) -> str:
    """How many of them, as `1 event` or `2,000 events`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def ago(span: timedelta) -> str:
    """A span of time in its largest unit or two, as `3 h 5 min`."""
    seconds = max(0, int(span.total_seconds()))
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    while len(parts) > 1 and not parts[0][0]:
        parts.pop(0)
    return " ".join(f"{number} {unit}" for number, unit in parts[:2] if number) or "0 s"
