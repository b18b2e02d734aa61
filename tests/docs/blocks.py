"""The code blocks of a page, and what each is for.

A block whose first line is a comment with a file's name goes there: at the end of
settings.py and urls.py, as the whole file elsewhere. What follows a comma says when.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from tests.servers import ROOT

BLOCK = re.compile(
    r"^(?P<indent> *)(?:<!-- not run: (?P<reason>[^\n]+) -->\n+ *)?"
    r"```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.M | re.S,
)
FILE = re.compile(r"(?:#|\{#|//) ([\w./]+/[\w.]+\.\w+)(?:, ([\w ]+?))?(?: #\})?\n")
AT_THE_END = {"settings.py", "urls.py"}
# In a console, what follows this prompt was typed; elsewhere each line is a command.
PROMPT = "$ "
SHELLS = {"console", "bash", "sh", ""}
# What makes a file of these pages' blocks is tried in a site of its own.
MONOLITH = {"docs/integration.md", "docs/testing.md"}


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page: from the repository's top, as `docs/protocol.md`.
        line: where its fence is, from 1.
        language: what stands behind the fence; may be empty.
        reason: why it is not run; empty where it is.
    """

    page: str
    line: int
    language: str
    text: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def goes_into_a_file(self) -> bool:
        """Whether the tests of the monolith write it into a file of theirs."""
        return self.page in MONOLITH and FILE.match(self.text) is not None

    def commands(self) -> list[str]:
        """What a reader types of a shell's block, a line each."""
        lines = self.text.replace("\\\n", " ").splitlines()
        if self.language == "console":
            return [line.removeprefix(PROMPT) for line in lines if line.startswith(PROMPT)]
        return [line for line in lines if line.strip() and not line.startswith("#")]


@dataclass(frozen=True)
class FileBlock:
    """What goes into a file.

    Attributes:
        path: the file, from the project's folder.
        condition: when, as `on SQLite`; empty: always.
    """

    path: str
    condition: str
    text: str

    def write(self, project: Path) -> None:
        """Do with the file what the page says."""
        target = project / self.path
        target.parent.mkdir(parents=True, exist_ok=True)
        before = target.read_text() + "\n" if target.name in AT_THE_END else ""
        target.write_text(before + self.text)


class Page:
    """A page of the documentation."""

    def __init__(self, path: Path) -> None:
        text = path.read_text()
        name = path.relative_to(ROOT).as_posix()
        self.blocks = [
            Block(
                name,
                text.count("\n", 0, found.end("text")) - found["text"].count("\n"),
                found["language"],
                dedent(found["text"]),
                found["reason"] or "",
            )
            for found in BLOCK.finditer(text)
        ]

    def files(self, conditions: Container[str]) -> list[FileBlock]:
        """What goes into files where these conditions hold, in the page's order."""
        return [block for block in self.all_files() if block.condition in conditions]

    def all_files(self) -> list[FileBlock]:
        """What goes into files, whatever the condition."""
        return [
            FileBlock(head[1], head[2] or "", block.text[head.end() :])
            for block in self.blocks
            if (head := FILE.match(block.text))
        ]

    def commands(self) -> list[str]:
        """The commands of the console blocks."""
        return [
            command
            for block in self.blocks
            if block.language == "console"
            for command in block.commands()
        ]


def pages() -> list[Path]:
    """All that is documentation."""
    return [
        ROOT / "README.md",
        ROOT / "client/README.md",
        ROOT / "benchmarks/README.md",
        *sorted((ROOT / "docs").rglob("*.md")),
    ]


def all_blocks() -> list[Block]:
    """Every block of every page."""
    return [block for page in pages() for block in Page(page).blocks]


def to_run(*languages: str) -> list[Block]:
    """The blocks in these languages that the tests of their kind run."""
    return [
        block
        for block in all_blocks()
        if block.language in languages and not block.reason and not block.goes_into_a_file
    ]


def without(blocks: list[FileBlock], line: str) -> list[FileBlock]:
    """The blocks but for the one line that has `line` in it.

    Raises:
        ValueError: there is not exactly one.
    """
    if sum(block.text.count(line) for block in blocks) != 1:
        raise ValueError(f"Not once in the page: {line!r}")
    return [
        FileBlock(
            block.path,
            block.condition,
            "".join(kept for kept in block.text.splitlines(keepends=True) if line not in kept),
        )
        for block in blocks
    ]
