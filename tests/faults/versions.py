"""The version before this one: its code in a folder of its own, run with this one's packages.

What it needs of Python packages has to be installed: an old version that needs
others cannot be run here.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.faults.processes import LabError
from tests.servers import ROOT

APPS = ("realtime", "notifications", "presence", "messaging", "socialhub")
MIGRATIONS = [f":(glob){app}/migrations/*.py" for app in APPS]


@dataclass(frozen=True)
class Version:
    """One version of the product.

    Attributes:
        name: how to call it.
        root: where its code is.
    """

    name: str
    root: Path

    async def manage(self, *arguments: str, env: Mapping[str, str]) -> None:
        """Run its `manage.py`.

        Raises:
            LabError: it fails.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable, "manage.py", *arguments, cwd=self.root,
            env={**os.environ, **env, "PYTHONPATH": str(self.root)},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await process.communicate()
        if process.returncode:
            command = " ".join(arguments)
            raise LabError(f"manage.py {command} of {self.name} fails\n{output.decode()}")

    def last_migrations(self) -> dict[str, str]:
        """The name of each app's last migration."""
        return {
            app: max(path.stem for path in (self.root / app / "migrations").glob("[0-9]*.py"))
            for app in APPS
        }


NOW = Version("now", ROOT)


def check_out(revision: str | None, folder: Path) -> Version:
    """The version before, as a copy in `folder`.

    Args:
        revision: which commit; None: the one before the last new migration.

    Raises:
        LabError: the repository does not have it, or it has no laboratory.
    """
    commit = _git("rev-parse", "--verify", f"{revision or _last_change() + '^'}^{{commit}}")
    root = folder / "before"
    root.mkdir()
    archive = folder / "before.tar"
    _git("archive", f"--output={archive}", commit)
    subprocess.run(["tar", "-xf", archive, "-C", root], check=True)
    archive.unlink()
    if not (root / "tests/faults/settings.py").exists():
        raise LabError(f"{commit[:10]} is older than the laboratory: there is nothing to run it by")
    return Version(commit[:10], root)


def _last_change() -> str:
    # One that adds a migration: two versions that differ in the text of one have the same tables.
    # And of the versions that were main: a commit of a branch was never deployed.
    commit = _git(
        "log", "-1", "--first-parent", "-m", "--diff-filter=A", "--format=%H", "--", *MIGRATIONS
    )
    if not commit:
        raise LabError("no commit adds a migration: is this a whole clone?")
    return commit


def _git(*arguments: str) -> str:
    if shutil.which("git") is None:
        raise LabError("git is missing: apt-get install git")
    done = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise LabError(
            f"git {arguments[0]}: {done.stderr.strip()} (it takes a whole clone: "
            "`git fetch --unshallow`, or choose a commit with --before)"
        )
    return done.stdout.strip()
