"""Writes docs/benchmarks/README.md from the figures beside it: `python -m benchmarks.summary`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from benchmarks.processes import ROOT

FIGURES = ROOT / "docs" / "benchmarks"
HEAD = """\
# What was measured

Made by `python -m benchmarks.summary` from the JSON files beside it, which have every round, the
versions and the machine. How each is measured, and what the figures are worth:
[benchmarks/README.md](../../benchmarks/README.md).
"""


def main() -> None:
    parts = [HEAD]
    for path in sorted(FIGURES.glob("*.json")):
        parts.append(_section(path, msgspec.json.decode(path.read_bytes())))
    (FIGURES / "README.md").write_text("\n".join(parts))


def _section(path: Path, document: dict[str, Any]) -> str:
    machine = document["machine"]
    lines = [
        f"## {path.stem.replace('_', ' ').capitalize()}",
        "",
        f"{document['title']}.",
        "",
        f"    {document['command']}",
        "",
        f"On {machine['cores']} cores of {machine['processor']}.",
        "",
    ]
    if document["rows"]:
        columns = list(document["rows"][0])
        lines += [_line(columns), _line(["---"] + ["---:"] * (len(columns) - 1))]
        lines += [_line([_cell(value) for value in row.values()]) for row in document["rows"]]
        lines.append("")
    if document["goals"]:
        lines += [_line(["goal", "measured", "", "aimed at"]), _line(["---", "---:", "---", "---"])]
        for goal in document["goals"]:
            sign = "at most" if goal["at_most"] else "at least"
            mark = "reached" if goal["met"] else "**missed**"
            measured, bound = _cell(float(goal["measured"])), f"{sign} {goal['bound']:g}"
            lines.append(_line([goal["what"], measured, mark, bound]))
        lines.append("")
    if path.with_suffix(".svg").exists():
        lines += [f"![{document['title']}]({path.stem}.svg)", ""]
    return "\n".join(lines)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: str | float | None) -> str:
    if value is None:
        return "?"
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if isinstance(value, int) or abs(value) >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    main()
