"""How many deliveries a second: the product against the Channels tutorial.

    python -m benchmarks.fanout [--sockets 1000] [--events 300] [--json FILE]

See README.md beside this file for what is measured, and how.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import msgspec

from benchmarks.contenders import (
    CONTENDERS,
    PRODUCT,
    PUBLISHED_BYTES,
    TUTORIAL_ON_DAPHNE,
    Plan,
    measure,
    prepare,
)
from benchmarks.load import Result
from benchmarks.processes import BenchmarkError, raise_file_limit
from benchmarks.report import Ratio, print_table, saturated

SUMMARY = "Deliveries a second: the product against the Channels tutorial's consumer."
IN_FLIGHT = 8
MAX_SOCKETS = 10_000
MAX_EVENTS = 10_000
MAX_ROUNDS = 20
# Files that a server needs besides its sockets.
SPARE_FILES = 256
# Slower than this and the benchmark gives up instead of waiting on.
SLOWEST_DELIVERIES = 300
LEAST_TIMEOUT = 60.0
PACKAGES = ("Django", "channels", "daphne", "uvicorn", "uvloop", "websockets")


def main() -> int:
    """0: the ratio is reached. 1: it is not. 2: it could not be measured."""
    options = _arguments()
    # Servers are stopped on the way out; the default action would leave them behind.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        rounds = _measure(options)
    except BenchmarkError as error:
        print(f"Not measured: {error}", file=sys.stderr)
        return 2
    best = {
        contender.name: max(
            (results[contender.name] for results in rounds),
            key=lambda result: result.deliveries_per_second,
        )
        for contender in CONTENDERS
    }
    ratios = {
        name: Ratio.of(best[PRODUCT.name], result)
        for name, result in best.items()
        if name != PRODUCT.name
    }
    passed = ratios[TUTORIAL_ON_DAPHNE.name].by_clock >= options.at_least
    print(
        f"\nOne event to {options.sockets:,} sockets, {IN_FLIGHT} events in flight, "
        f"best of {len(rounds)}:\n"
    )
    print_table(best)
    print()
    for name, ratio in ratios.items():
        print(f"{PRODUCT.name} : {name} = {ratio}")
    verdict = "reached" if passed else "MISSED"
    print(f"At least {options.at_least:g} times the {TUTORIAL_ON_DAPHNE.name}: {verdict}")
    if options.json:
        options.json.write_bytes(_as_json(options, rounds, best, ratios, passed))
    return 0 if passed else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fanout", description=SUMMARY)
    parser.add_argument("--sockets", type=int, default=1000, help="default: %(default)s")
    parser.add_argument(
        "--events",
        type=int,
        default=300,
        help="published to the product; the tutorial gets a tenth (default: %(default)s)",
    )
    parser.add_argument(
        "--rounds", type=int, default=3, help="the best one counts (default: %(default)s)"
    )
    parser.add_argument(
        "--at-least",
        type=float,
        default=10.0,
        metavar="RATIO",
        help="exit with 1 below this ratio to the tutorial on daphne (default: %(default)s)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    options = parser.parse_args()
    # The load stays bounded, whatever is asked for.
    for name, most in (("sockets", MAX_SOCKETS), ("events", MAX_EVENTS), ("rounds", MAX_ROUNDS)):
        if not 1 <= getattr(options, name) <= most:
            parser.error(f"--{name} must be from 1 to {most}")
    return options


def _measure(options: argparse.Namespace) -> list[dict[str, Result]]:
    raise_file_limit(options.sockets + SPARE_FILES)
    rounds = []
    with tempfile.TemporaryDirectory(prefix="fanout-") as directory:
        plan = Plan(
            sockets=options.sockets,
            events=options.events,
            in_flight=IN_FLIGHT,
            timeout=max(LEAST_TIMEOUT, options.sockets * options.events / SLOWEST_DELIVERIES),
            directory=Path(directory),
        )
        prepare(plan)
        # Round by round, so that whatever else the machine does hits all alike.
        for number in range(1, options.rounds + 1):
            results = {}
            for contender in CONTENDERS:
                result = results[contender.name] = measure(contender, plan)
                print(
                    f"round {number} of {options.rounds}: {contender.name}, "
                    f"{result.deliveries_per_second:,.0f} deliveries/s",
                    file=sys.stderr,
                )
            rounds.append(results)
    return rounds


def _as_json(
    options: argparse.Namespace,
    rounds: list[dict[str, Result]],
    best: dict[str, Result],
    ratios: dict[str, Ratio],
    passed: bool,
) -> bytes:
    document = {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "versions": {name: version(name) for name in PACKAGES},
        "sockets": options.sockets,
        "in_flight": IN_FLIGHT,
        "published_bytes": PUBLISHED_BYTES,
        "deliveries_per_second": {
            name: round(result.deliveries_per_second) for name, result in best.items()
        },
        "saturated": {name: saturated(result) for name, result in best.items()},
        "ratios": ratios,
        "at_least": options.at_least,
        "passed": passed,
        "rounds": rounds,
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


if __name__ == "__main__":
    sys.exit(main())
