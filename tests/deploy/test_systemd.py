"""deploy/systemd: systemd takes the units, and what they start does what they promise.

systemd itself is not run: its commands are, with the environment and the signals
that the units give them.
"""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tests.deploy.product import (
    BARE,
    GOING_AWAY,
    READ,
    SECRET,
    STOP_SECONDS,
    SUPERUSER,
    Visitor,
    call,
    succeeds,
    variables,
)
from tests.docs.tools.running import run
from tests.monolith.processes import running
from tests.servers import ROOT, free_port

UNITS = ROOT / "deploy/systemd"
EXAMPLE = UNITS / "environment.example"
PYTHON = "/srv/realtime/.venv/bin/python"
FOLDER = "/srv/realtime"
# Below 3 systemd calls it OK.
EXPOSURE = 2.0


class Unit:
    """A unit's lines, each key with all its values; %i is the instance."""

    def __init__(self, name: str, instance: str = "") -> None:
        self._values: defaultdict[str, list[str]] = defaultdict(list)
        for line in (UNITS / name).read_text().splitlines():
            if "=" in line and not line.startswith("#"):
                key, value = line.split("=", 1)
                self._values[key].append(value.replace("%i", instance))

    def one(self, key: str) -> str:
        (value,) = self._values[key]
        return value

    def commands(self, key: str) -> list[list[str]]:
        """Its commands, with this virtual environment's Python."""
        found = [shlex.split(value) for value in self._values[key]]
        assert found, key
        return [[sys.executable if word == PYTHON else word for word in words] for words in found]

    def environment(self) -> dict[str, str]:
        """What it sets itself."""
        pairs = (shlex.split(value) for value in self._values["Environment"])
        return dict(pair.split("=", 1) for words in pairs for pair in words)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The example, filled in."""
    return {
        **BARE,
        **variables(EXAMPLE),
        "SECRET_KEY": SECRET,
        "DATABASE_URL": f"sqlite:///{tmp_path}/site.sqlite3",
        "REDIS_URL": "",
    }


def installed(folder: Path) -> list[str]:
    """Copies of the units, for the place where the code is here."""
    for unit in UNITS.glob("*.service"):
        text = unit.read_text().replace(PYTHON, sys.executable).replace(FOLDER, str(ROOT))
        (folder / unit.name).write_text(text)
    return [str(folder / "realtime@8082.service"), str(folder / "realtime-migrate.service")]


def test_systemd_finds_no_fault_with_them(tmp_path: Path) -> None:
    assert run("systemd-analyze", "verify", *installed(tmp_path)) == ""


def test_systemd_would_find_one(tmp_path: Path) -> None:
    paths = installed(tmp_path)
    unit = tmp_path / "realtime@.service"
    unit.write_text(unit.read_text().replace("KillSignal=SIGTERM", "KillSignal=SIGTREM"))
    assert "SIGTREM" in run("systemd-analyze", "verify", *paths)


def test_they_leave_little_to_whoever_breaks_in(tmp_path: Path) -> None:
    installed(tmp_path)
    for unit in ("realtime@.service", "realtime-migrate.service"):
        limit = f"--threshold={EXPOSURE * 10:.0f}"
        run("systemd-analyze", "security", "--offline=true", limit, tmp_path / unit)


def test_they_wait_for_clients_to_be_sent_away() -> None:
    unit = Unit("realtime@.service")
    assert int(unit.one("TimeoutStopSec")) == STOP_SECONDS
    assert unit.one("KillMode") == "mixed"  # only the main process is told: it tells its workers


def test_the_example_names_what_the_site_reads() -> None:
    assert variables(EXAMPLE).keys() <= READ


def test_both_units_are_run_alike() -> None:
    server, migrate = Unit("realtime@.service"), Unit("realtime-migrate.service")
    for key in ("User", "Group", "WorkingDirectory", "EnvironmentFile", "ProtectSystem"):
        assert server.one(key) == migrate.one(key)


async def test_a_server_starts_on_migrated_tables_only_and_sends_its_clients_away(
    environment: dict[str, str], tmp_path: Path
) -> None:
    port = free_port()
    unit, migrate = Unit("realtime@.service", str(port)), Unit("realtime-migrate.service")
    (before,) = unit.commands("ExecStartPre")
    status, _ = call(before, ROOT, environment)
    assert status == 1, "it would start without tables"
    for command in migrate.commands("ExecStart"):
        succeeds(command, ROOT, {**environment, **migrate.environment()})
    succeeds(before, ROOT, environment)
    superuser = [sys.executable, "manage.py", "createsuperuser", "--noinput"]
    succeeds(superuser, ROOT, {**environment, **SUPERUSER})

    (start,), (after,) = unit.commands("ExecStart"), unit.commands("ExecStartPost")
    with running(start, ROOT, environment, tmp_path) as process:
        succeeds(after, ROOT, environment)
        visitor = Visitor(port, environment["ALLOWED_HOSTS"].split(",")[0])
        async with visitor.socket(await visitor.token()) as socket:
            process.send_signal(signal.Signals[unit.one("KillSignal")])
            await socket.wait_closed()
            assert socket.close_code == GOING_AWAY
        assert process.wait(float(unit.one("TimeoutStopSec"))) == 0


def test_a_server_that_does_not_get_ready_has_not_started(environment: dict[str, str]) -> None:
    (after,) = Unit("realtime@.service", str(free_port())).commands("ExecStartPost")
    once = [*after[:-1], "--retry", "0", after[-1]]
    with pytest.raises(subprocess.CalledProcessError):
        subprocess.run(once, env=environment, check=True, capture_output=True)
