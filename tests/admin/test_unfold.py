"""The admin on a site that has django-unfold: another theme, another base of our pages."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.servers import ROOT

OURS_ALONE = ("PYTEST_XDIST_WORKER", "DATABASE_URL", "REDIS_URL")


def test_the_pages_are_at_home_in_unfold() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", "tests/admin/unfold_pages.py"],
        cwd=ROOT,
        env={
            **{name: value for name, value in os.environ.items() if name not in OURS_ALONE},
            "DJANGO_SETTINGS_MODULE": "tests.settings_unfold",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout
