"""The table: a line for each scenario."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.checker import Result

COLUMNS = (
    "scenario", "events", "clients", "faults", "lost", "repeated", "out of order", "foreign",
    "slowest recovery",
)  # fmt: skip


def header(*, markdown: bool) -> str:
    if markdown:
        return _markdown(COLUMNS) + "\n" + _markdown(["---", *["---:"] * (len(COLUMNS) - 1)])
    return _plain(COLUMNS)


def line(result: Result, *, markdown: bool) -> str:
    """The scenario's line."""
    cells = (
        result.scenario,
        *map(
            str,
            (
                result.events,
                result.clients,
                result.faults,
                result.lost,
                result.repeated,
                result.disordered,
                result.foreign,
            ),
        ),
        f"{result.slowest:.1f} s",
    )
    return _markdown(cells) if markdown else _plain(cells)


def outcome(result: Result) -> str:
    """What was wrong, and what else there is to say."""
    counts = f"{result.deliveries} deliveries, {result.reconnects} reconnects"
    lines = [f"{result.scenario}: {counts}, {result.seconds:.0f} s", *result.notes]
    lines.append(f"slowest: {result.slowest_is}")
    lines += [f"FAILED: {problem}" for problem in result.problems]
    return "\n    ".join(lines)


def _markdown(cells: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(cells: tuple[str, ...]) -> str:
    return f"{cells[0]:<16}" + "".join(
        f"{cell:>{max(9, len(name) + 2)}}"
        for cell, name in zip(cells[1:], COLUMNS[1:], strict=True)
    )
