"""What arithmetic does not tell about a large deployment: a simulation, no measurement.

    python -m benchmarks.scaling_model

Each part takes what one process can do from the constants below, and draws the
rest with a fixed seed: the output is the same every time.
"""

from __future__ import annotations

import argparse
import random
import sys
from itertools import accumulate

from benchmarks.results import Cell, Report, options_for, run_benchmark

SUMMARY = "Queues, reconnect storms and uneven partitions, simulated."
SEED = 1

# A relay's batch: seconds for each event, of three recipients (benchmarks.relay), and
# events at most. What a batch takes beside its events is an estimate: ten round trips.
EVENT_SECONDS = 0.00015
BATCH_SECONDS = 0.006
BATCH_EVENTS = 500
# Handshakes a second that one node completes beside its other work: half of what it does in
# benchmarks.reconnect, where each has 50 events to catch up on.
HANDSHAKES = 300.0
SOCKETS_PER_NODE = 10_000
SIMULATED_SECONDS = 60.0


def main() -> int:
    return run_benchmark(options_for("scaling_model", SUMMARY), _simulate)


def _simulate(options: argparse.Namespace) -> Report:
    report = Report("Simulated, with a fixed seed: no measurement")
    seconds = SIMULATED_SECONDS / 10 if options.quick else SIMULATED_SECONDS
    wall = BATCH_EVENTS / (BATCH_SECONDS + BATCH_EVENTS * EVENT_SECONDS)
    for share in (0.1, 0.5, 0.8, 0.9, 0.95, 1.05):
        delays = relay_delays(wall * share, seconds)
        case = f"{share:.0%} of {wall:,.0f} events/s, for {seconds:.0f} s"
        report.rows.append(_row("delay in one relay, ms", case, delays, 1000))
    for nodes in (2, 12, 100):
        for spread in (5.0, 60.0, 300.0):
            waits = reconnect_waits(nodes, spread)
            case = f"1 of {nodes} nodes dies, clients come back within {spread:.0f} s"
            report.rows.append(_row("wait for a handshake, s", case, waits, 1))
    for partitions in (4, 16, 64, 256):
        loads = partition_loads(partitions, users=20_000 if options.quick else 1_000_000)
        report.rows.append(_row("partition's load : mean", f"{partitions} partitions", loads, 1))
    return report


def _row(what: str, case: str, values: list[float], factor: float) -> dict[str, Cell]:
    values = sorted(values)
    return {
        "what": what,
        "case": case,
        "median": values[len(values) // 2] * factor,
        "99 of 100": values[int(len(values) * 0.99)] * factor,
        "worst": values[-1] * factor,
    }


def relay_delays(rate: float, seconds: float) -> list[float]:
    """From each event's commit to the end of its batch; events come independently.

    Args:
        rate: events a second.
    """
    draw = random.Random(SEED)
    arrivals = list(accumulate(draw.expovariate(rate) for _ in range(int(rate * seconds))))
    delays: list[float] = []
    done, now = 0, 0.0
    while done < len(arrivals):
        # A batch is what has come by the end of the one before, or else the next event.
        now = max(now, arrivals[done])
        end = done
        while end < len(arrivals) and end - done < BATCH_EVENTS and arrivals[end] <= now:
            end += 1
        now += BATCH_SECONDS + (end - done) * EVENT_SECONDS
        delays += [now - arrival for arrival in arrivals[done:end]]
        done = end
    return delays


def reconnect_waits(nodes: int, spread: float) -> list[float]:
    """How long each client of a dead node waits for its handshake on those that are left.

    Args:
        nodes: how many there were.
        spread: seconds within which clients try, each at a time of its own.
    """
    draw = random.Random(SEED)
    free_at = [0.0] * (nodes - 1)
    waits = []
    for came in sorted(draw.uniform(0, spread) for _ in range(SOCKETS_PER_NODE)):
        node = draw.randrange(nodes - 1)  # as a balancer that knows of no queues
        free_at[node] = max(free_at[node], came) + 1 / HANDSHAKES
        waits.append(free_at[node] - came)
    return waits


def partition_loads(partitions: int, users: int) -> list[float]:
    """Each partition's events, of the mean; users differ as in a Pareto distribution.

    Of its users each gets events in proportion to a draw with the exponent 1.5,
    so that 1 in 100 gets about a fifth of all; nobody more than 10,000 times the least.
    """
    draw = random.Random(SEED)
    loads = [0.0] * partitions
    for _ in range(users):
        loads[draw.randrange(partitions)] += min(draw.paretovariate(1.5), 10_000.0)
    mean = sum(loads) / partitions
    return [load / mean for load in loads]


if __name__ == "__main__":
    sys.exit(main())
