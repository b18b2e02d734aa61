"""Builds the wheel, a clean environment, and the site."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.docs.blocks import FileBlock
from tests.servers import ROOT

APPS = ("realtime", "notifications", "presence", "messaging")
TEAM = Path(__file__).parent / "site"
# Of an environment that is ours, or that would lead to ours.
NOT_HANDED_ON = ("PYTHONPATH", "VIRTUAL_ENV", "DJANGO_SETTINGS_MODULE", "DATABASE_URL", "DEBUG")


def build_wheel(folder: Path) -> Path:
    """The wheel, built from a copy of what is in the repository."""
    source = folder / "source"
    leave_out = shutil.ignore_patterns("__pycache__")
    for name in APPS:
        shutil.copytree(ROOT / name, source / name, ignore=leave_out)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "../dist", "."],
        source,
    )
    (wheel,) = (folder / "dist").glob("*.whl")
    return wheel


@dataclass(frozen=True)
class Project:
    """A Django project and the environment it runs in.

    Attributes:
        folder: where its manage.py is.
        venv: the virtual environment.
        environment: variables for its processes, beside the venv's.
    """

    folder: Path
    venv: Path
    environment: dict[str, str] = field(default_factory=dict)

    def variables(self) -> dict[str, str]:
        """The environment variables of its processes."""
        path = f"{self.venv / 'bin'}{os.pathsep}{os.environ['PATH']}"
        kept = {name: value for name, value in os.environ.items() if name not in NOT_HANDED_ON}
        return {**kept, "PATH": path, **self.environment}

    def shell(self, command: str) -> str:
        """What a command line of the documentation prints.

        Raises:
            AssertionError: it fails.
        """
        return run(["sh", "-c", command], self.folder, self.variables())

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run manage.py, whatever comes of it; both outputs are in `stdout`."""
        return subprocess.run(
            [self.venv / "bin/python", "manage.py", *arguments],
            cwd=self.folder,
            env=self.variables(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )

    def python(self, program: str) -> str:
        """What a program prints that runs in `manage.py shell`."""
        done = self.manage("shell", "--no-imports", "-c", program)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def copy(self, folder: Path) -> Project:
        """The same project once more, elsewhere."""
        shutil.copytree(self.folder, folder)
        return Project(folder, self.venv, self.environment)

    def follow(self, blocks: list[FileBlock]) -> None:
        """Write these blocks into its files."""
        for block in blocks:
            block.write(self.folder)


def start_project(folder: Path, venv: Path, environment: dict[str, str]) -> Project:
    """What the team had before: startproject, and its own apps and settings."""
    folder.mkdir()
    project = Project(folder, venv, environment)
    project.shell("django-admin startproject mysite .")
    shutil.copytree(TEAM, folder, dirs_exist_ok=True)
    before = folder / "mysite/settings_before.py"
    with (folder / "mysite/settings.py").open("a") as settings:
        settings.write(before.read_text())
    before.unlink()
    project.shell("python manage.py makemigrations people blog notifications")
    return project


def run(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> str:
    """What a command prints.

    Raises:
        AssertionError: it fails.
    """
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout
