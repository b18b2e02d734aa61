"""The table that a person reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from benchmarks.load import Result

# A process is at its limit if it ran, or waited for a core, for this share of the
# time: each has one interpreter lock, so it cannot use more than about one core.
FULL = 0.9

_COLUMNS = (
    "server",
    "deliveries/s",
    "per server CPU s",
    "events/s",
    "last socket after",
    "frame",
    "CPU: server",
    "client",
    "others",
    "saturated",
)


def saturated(result: Result) -> str:
    """Which side could not have gone faster."""
    usage = result.usage
    sides = {
        "server": (usage.server, usage.server_queued),
        "client": (usage.client, usage.client_queued),
    }
    full = [
        name
        for name, (used, queued) in sides.items()
        if used is not None and used + (queued or 0.0) >= FULL * result.seconds
    ]
    return " and ".join(full) or "neither"


@dataclass(frozen=True)
class Ratio:
    """How many times the baseline's deliveries; by the clock, and by the server's CPU time."""

    by_clock: float
    by_cpu: float | None

    @classmethod
    def of(cls, product: Result, baseline: Result) -> Ratio:
        ours, theirs = product.deliveries_per_cpu_second, baseline.deliveries_per_cpu_second
        return cls(
            product.deliveries_per_second / baseline.deliveries_per_second,
            None if ours is None or theirs is None else ours / theirs,
        )

    def __str__(self) -> str:
        cpu = "" if self.by_cpu is None else f" ({self.by_cpu:.1f} by server CPU time)"
        return f"{self.by_clock:.1f}{cpu}"


def print_table(results: Mapping[str, Result]) -> None:
    """One row for each server; CPU in shares of one core, `ran+waited for a core`."""
    rows = [_COLUMNS, *(_row(name, result) for name, result in results.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        first, *others = (
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join([first, *others]))


def _row(name: str, result: Result) -> tuple[str, ...]:
    usage = result.usage
    return (
        name,
        f"{result.deliveries_per_second:,.0f}",
        _number(result.deliveries_per_cpu_second),
        f"{result.events / result.seconds:.1f}",
        f"{median(result.latencies) * 1000:,.0f} ms",
        f"{result.frame_bytes} B",
        _share(usage.server, result.seconds, usage.server_queued),
        _share(usage.client, result.seconds, usage.client_queued),
        _share(usage.others, result.seconds),
        saturated(result),
    )


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:,.0f}"


def _share(used: float | None, seconds: float, queued: float | None = None) -> str:
    if used is None:
        return "?"
    waited = "" if queued is None else f"+{100 * queued / seconds:.0f}"
    return f"{100 * used / seconds:.0f}{waited} %"
