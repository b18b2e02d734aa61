"""The trial's command line; see the package's docstring."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.alerts.prometheus import Prometheus, alerts
from tests.alerts.runbook import section_of
from tests.faults.processes import LabError, PostgreSQL, Redis


def main() -> int:
    """0: every alert is as the runbook says. 1: one is not. 2: the trial does not work."""
    parser = argparse.ArgumentParser(prog="python -m tests.alerts", description=__doc__)
    parser.add_argument("alert", nargs="*", help="which; all of them by default")
    chosen = parser.parse_args().alert or alerts()
    # Servers are ended on the way out; the default action would leave them behind.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    folder = Path(tempfile.mkdtemp(prefix="alerts-"))
    folder.chmod(0o711)  # PostgreSQL, another user, has its data in it
    postgresql, redis = PostgreSQL(folder), Redis(folder)
    status = 2
    try:
        postgresql.create()
        status = asyncio.run(_run(chosen, folder, postgresql, redis))
    except LabError as error:
        print(error, file=sys.stderr)
    finally:
        redis.end()
        postgresql.end()
        if status:
            print(f"The logs are in {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder)
    return status


async def _run(chosen: list[str], folder: Path, postgresql: PostgreSQL, redis: Redis) -> int:
    await asyncio.gather(postgresql.start(), redis.start())
    postgresql.create_database()
    os.environ.update(
        DJANGO_SETTINGS_MODULE="tests.faults.settings",
        DATABASE_URL=postgresql.url,
        REDIS_URL=redis.url,
    )
    await asyncio.to_thread(_migrate)
    # These import models: Django had to know its database first.
    from tests.alerts.causes import causes
    from tests.alerts.trial import Site, Trial

    if differ := set(alerts()) ^ set(causes):
        raise LabError(f"not both an alert and a cause: {', '.join(differ)}")
    if unknown := set(chosen) - set(causes):
        raise LabError(f"no such alert: {', '.join(unknown)}; there are {', '.join(causes)}")
    failed = 0
    site = Site(folder, postgresql, redis)
    prometheus = Prometheus(folder, site.targets)
    try:
        await asyncio.gather(site.start(), prometheus.start())
        await prometheus.begins()
        for name in chosen:
            began = time.monotonic()
            trial = Trial(name, section_of(name), site, prometheus)
            try:
                await causes[name](trial)
                await trial.over()
            except LabError:
                raise
            except Exception:
                failed += 1
                traceback.print_exc()
                print(f"{name}: NOT as the runbook says", flush=True)
            else:
                took = time.monotonic() - began
                print(f"{name}: fired, was looked into, and ended ({took:.0f} s)", flush=True)
    finally:
        prometheus.end()
        site.end()
    print(f"{len(chosen) - failed} passed, {failed} failed")
    return 1 if failed else 0


def _migrate() -> None:
    import django
    from django.core.management import call_command
    from django.db import connections

    django.setup()
    call_command("migrate", verbosity=0)
    connections.close_all()


if __name__ == "__main__":
    sys.exit(main())
