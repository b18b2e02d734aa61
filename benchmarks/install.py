"""Installs what a benchmark needs beside the project: its peers, from their own registries."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.processes import BenchmarkError

HERE = Path(__file__).parent
NODE = HERE / "peers" / "node"
NCHAN = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")


def python_packages() -> None:
    """What benchmarks/requirements.txt names, into this environment."""
    if all(importlib.util.find_spec(name) for name in ("matplotlib", "socketio")):
        return
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*command, "-r", str(HERE / "requirements.txt")])


def node_packages() -> None:
    """What benchmarks/peers/node/package.json names, beside it."""
    debian_packages("npm", "nodejs", "npm")
    if not (NODE / "node_modules").exists():
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        _run(["npm", "ci", *options], cwd=NODE)


def nchan() -> None:
    """nginx and its nchan module; a running nginx is not touched."""
    if not NCHAN.exists():
        debian_packages("", "nginx", "libnginx-mod-nchan")


def debian_packages(command: str, *packages: str) -> None:
    """The Debian packages, unless `command` is there.

    Raises:
        BenchmarkError: they cannot be installed from here; says what to do.
    """
    if command and shutil.which(command):
        return
    install = ["apt-get", "-qq", "install", "-y", "--no-install-recommends", *packages]
    if os.geteuid() != 0:
        raise BenchmarkError(f"this is missing: sudo {' '.join(install)}")
    _run(["apt-get", "-qq", "update"])
    # Its packages start servers; this measurement starts its own.
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        _run(install)
    finally:
        if ours:
            policy.unlink()


def _run(command: list[str], cwd: Path | None = None) -> None:
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True)
    if done.returncode:
        raise BenchmarkError(f"{' '.join(command)}: {done.stdout[-1000:]}{done.stderr[-1000:]}")
