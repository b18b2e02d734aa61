"""Commands in processes of their own: on a terminal, or to be interrupted."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers import ROOT, environment

PATIENCE = 60.0


def on_terminal(*arguments: str, answer: str = "", **extra: str) -> tuple[int, str]:
    """Run `manage.py` on a terminal: its exit status, and what was to be seen there.

    Args:
        answer: what the person types.
        extra: further environment variables.
    """
    ours, theirs = pty.openpty()
    variables = {"TERM": "xterm-256color", "COLUMNS": "200", **extra}
    process = subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT, env=environment(**variables), stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    if answer:
        os.write(ours, answer.encode())
    seen = b"".join(_read(ours))
    os.close(ours)
    return process.wait(PATIENCE), seen.decode()


def _read(descriptor: int) -> Iterator[bytes]:
    while True:
        try:
            data = os.read(descriptor, 65_536)
        except OSError:  # Linux says EIO when the other end has been closed
            return
        if not data:
            return
        yield data


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`manage.py` in a process that the test may send signals to."""
    with subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
