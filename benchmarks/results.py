"""What a benchmark says: a table, goals, and on request JSON and a plot.

Every benchmark is a module with a `main` that builds a `Report` and hands it to
`run_benchmark`, so that all have the same options, exit status and files.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks import install
from benchmarks.processes import BenchmarkError

PACKAGES = ("Django", "channels", "channels-redis", "daphne", "uvicorn", "uvloop", "websockets",
            "psycopg", "python-socketio")  # fmt: skip
Cell = str | float | int | None


class Goal(msgspec.Struct):
    """One figure that was aimed at.

    Attributes:
        what: the figure in words.
        measured: what it is.
        bound: what it should be: at least, or with `at_most` at most.
    """

    what: str
    measured: float
    bound: float
    at_most: bool = False

    @property
    def met(self) -> bool:
        return self.measured <= self.bound if self.at_most else self.measured >= self.bound


class Chart(msgspec.Struct):
    """Bars, one for each name, in `unit`."""

    unit: str
    bars: dict[str, float]


class Report(msgspec.Struct):
    """What was measured.

    Attributes:
        title: in a sentence.
        rows: a table; all rows have the same columns.
        goals: what was aimed at.
        charts: by title.
        raw: whatever else is worth keeping.
    """

    title: str
    rows: list[dict[str, Cell]] = []
    goals: list[Goal] = []
    charts: dict[str, Chart] = {}
    raw: Any = None


def options_for(name: str, summary: str) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=summary)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="small, to see that it works: no goal counts, as the figures mean nothing",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help=f"write {name}.json and {name}.svg there (those in the docs: docs/benchmarks)",
    )
    return parser


def run_benchmark(
    parser: argparse.ArgumentParser, measure: Callable[[argparse.Namespace], Report]
) -> int:
    """Measure, and tell.

    Returns:
        The exit status. 0: every goal is met. 1: one is not. 2: it could not be measured.
    """
    options = parser.parse_args()
    # Servers are stopped on the way out; the default action would leave them behind.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        if options.out:
            install.python_packages()
        report = measure(options)
    except BenchmarkError as error:
        print(f"Not measured: {error}", file=sys.stderr)
        return 2
    _print(report, options.quick)
    if options.out:
        name = parser.prog.rpartition(".")[2]
        options.out.mkdir(parents=True, exist_ok=True)
        command = " ".join([parser.prog, *sys.argv[1:]])
        (options.out / f"{name}.json").write_bytes(_as_json(report, command))
        if report.charts:
            _plot(report, options.out / f"{name}.svg")
    return 0 if options.quick or all(goal.met for goal in report.goals) else 1


def progress(text: str) -> None:
    """Tell who waits how far it is."""
    print(text, file=sys.stderr, flush=True)


def _print(report: Report, quick: bool) -> None:
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(f"\n{report.title}\n")
    if report.rows:
        table = Table(box=None, pad_edge=False)
        for number, column in enumerate(report.rows[0]):
            table.add_column(column, justify="right" if number else "left")
        for row in report.rows:
            table.add_row(*map(_cell, row.values()))
        console.print(table)
        console.print()
    for goal in [] if quick else report.goals:
        sign = "<=" if goal.at_most else ">="
        verdict = "reached" if goal.met else "MISSED"
        print(f"{goal.what}: {_cell(goal.measured)} ({sign} {goal.bound:g}: {verdict})")


def _cell(value: Cell) -> str:
    if value is None:
        return "?"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3g}"
    return f"{value:,}" if isinstance(value, int) else value


def _as_json(report: Report, command: str) -> bytes:
    document = {
        "title": report.title,
        "command": command,
        "machine": machine(),
        "versions": versions(),
        "rows": report.rows,
        "goals": [{**msgspec.to_builtins(goal), "met": goal.met} for goal in report.goals],
        "raw": report.raw,
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    model = ""
    if (info := Path("/proc/cpuinfo")).exists():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else ""
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    """Of everything that took part, as far as it is installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    for name, command in {
        "node": ["node", "--version"],
        "nginx": ["nginx", "-v"],
        "redis": ["redis-server", "--version"],
        "postgresql": ["psql", "--version"],
    }.items():
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except FileNotFoundError:
            continue
        found[name] = (done.stdout or done.stderr).strip()
    packages = install.NODE / "package.json"
    found.update(msgspec.json.decode(packages.read_bytes())["dependencies"])
    return found


def _plot(report: Report, path: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    pyplot.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "", "font.size": 10})
    height = sum(0.42 * len(chart.bars) + 0.9 for chart in report.charts.values())
    ratios = [len(chart.bars) + 1 for chart in report.charts.values()]
    figure, all_axes = pyplot.subplots(
        len(report.charts),
        figsize=(8, height),
        height_ratios=ratios,
        squeeze=False,
        layout="constrained",
    )
    for axes, (title, chart) in zip(all_axes[:, 0], report.charts.items(), strict=True):
        names = list(chart.bars)
        colours = ["#0b7285" if name.startswith("socialhub") else "#adb5bd" for name in names]
        bars = axes.barh(names, list(chart.bars.values()), color=colours)
        axes.bar_label(bars, [_cell(float(value)) for value in chart.bars.values()], padding=4)
        axes.invert_yaxis()
        axes.margins(x=0.15)
        axes.set_title(f"{title} ({chart.unit})", loc="left", fontsize=10)
        axes.spines[["top", "right", "bottom"]].set_visible(False)
        axes.tick_params(bottom=False, labelbottom=False, left=False)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
