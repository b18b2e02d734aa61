"""The client is for processes that have no Django, and says what it needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.servers import ROOT


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Run `code` in an interpreter that knows nothing of this one's modules."""
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_it_imports_no_django() -> None:
    done = run(
        "import sys, realtime.client\n"
        "print({'django', 'rest_framework', 'channels'} & sys.modules.keys())"
    )
    assert (done.returncode, done.stdout.strip()) == (0, "set()"), done.stderr


@pytest.mark.parametrize("library", ["httpx", "websockets"])
def test_it_says_what_to_install(library: str) -> None:
    done = run(f"import sys; sys.modules[{library!r}] = None; import realtime.client")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last == (
        f"ImportError: realtime.client needs {library}: pip install 'socialhub-realtime[client]'"
    )
