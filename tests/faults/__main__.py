"""The laboratory's command line; see the package's docstring."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import sys
import tempfile
import traceback
from pathlib import Path

from tests.faults.processes import LabError, PostgreSQL, Redis
from tests.faults.report import header, line, outcome


def main() -> int:
    """0: every scenario holds. 1: one does not. 2: the laboratory does not work."""
    options = _arguments()
    # Servers are ended on the way out; the default action would leave them behind.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    folder.chmod(0o711)  # PostgreSQL, another user, has its data in it
    postgresql, redis = PostgreSQL(folder), Redis(folder)
    status = 2
    try:
        postgresql.create()
        status = asyncio.run(_run(options, folder, postgresql, redis))
    except LabError as error:
        print(error, file=sys.stderr)
        traceback.print_exception(error.__cause__)
    except KeyboardInterrupt:
        print("Interrupted", file=sys.stderr)
    finally:
        redis.end()
        postgresql.end()
        if status:
            print(f"The logs are in {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder)
    return status


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("scenario", nargs="*", help="which; all of them by default")
    parser.add_argument("--clients", type=int, default=64, help="clients (default: %(default)s)")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="stretch the time of faults (default: 1)"
    )
    parser.add_argument(
        "--before",
        metavar="COMMIT",
        help="the version that `upgrade` comes from (default: the one before the last change of "
        "a migration)",
    )
    parser.add_argument("--markdown", action="store_true", help="write the table as Markdown")
    parser.add_argument("--verbose", action="store_true", help="say more about each scenario")
    return parser.parse_args()


async def _run(
    options: argparse.Namespace, folder: Path, postgresql: PostgreSQL, redis: Redis
) -> int:
    await asyncio.gather(postgresql.start(), redis.start())
    postgresql.create_database()
    os.environ.update(
        DJANGO_SETTINGS_MODULE="tests.faults.settings",
        DATABASE_URL=postgresql.url,
        REDIS_URL=redis.url,
    )
    await asyncio.to_thread(_migrate)
    # These import models: Django had to know its database first.
    from tests.faults.checker import WITNESS, Result
    from tests.faults.run import Lab
    from tests.faults.scenarios import scenarios

    postgresql.execute(WITNESS)
    lab = Lab(folder, postgresql, redis, options.clients, options.scale, options.before)
    if unknown := set(options.scenario) - set(scenarios):
        raise LabError(f"no such scenario: {', '.join(unknown)}; there are {', '.join(scenarios)}")
    failed = 0
    print(header(markdown=options.markdown), flush=True)
    try:
        for name in options.scenario or scenarios:
            result = Result(name)
            await scenarios[name](lab, result)
            print(line(result, markdown=options.markdown), flush=True)
            if options.verbose or not result.holds:
                print(outcome(result), file=sys.stderr, flush=True)
            failed += not result.holds
    finally:
        lab.end_nodes()
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
