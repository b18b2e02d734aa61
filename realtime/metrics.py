"""What a node counts and measures, for Prometheus.

Names are by Prometheus' conventions: totals of this process since its start, times
in seconds. `/metrics` (see `realtime.health`) shows them; with several workers behind one
port, `manage.py serve` has them write to a shared directory, so that whichever
answers shows the sums of all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from realtime.errors import CloseCode, ErrorCode

CONTENT_TYPE = CONTENT_TYPE_LATEST
FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
WAITS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30)

CONNECTIONS = Gauge("realtime_connections", "Open WebSockets.", multiprocess_mode="livesum")
HANDSHAKES = Counter(
    "realtime_handshakes", "WebSocket handshakes, by their outcome: accepted, or an error code.",
    ["outcome"],
)  # fmt: skip
CLOSES = Counter("realtime_closed_connections", "Sockets that the server closed.", ["code"])
FRAMES = Counter("realtime_frames_received", "Frames that clients sent.", ["type"])
ERRORS = Counter("realtime_errors", "Error frames and error responses.", ["code"])
LIMIT_HITS = Counter("realtime_limit_hits", "Requests over a limit.", ["limit"])
COMMANDS = Histogram(
    "realtime_command_seconds", "From a command's turn to its effect.", ["type"], buckets=FAST
)

EVENTS = Counter("realtime_events_handed_out", "Logged events handed out here.", ["type"])
DELIVERIES = Counter("realtime_deliveries", "Logged events times the clients who got them.")
FANOUT = Histogram(
    "realtime_fanout_seconds", "Handing one event to all its clients here.", buckets=FAST
)
LATENCY = Histogram(
    "realtime_delivery_latency_seconds",
    "From an event's writing (by its writer's clock) to its handing out here.",
    buckets=(*FAST, 5, 10, 30),
)
RESYNCS = Counter(
    "realtime_resyncs", "Clients told that the log does not reach back to them.", ["reason"]
)

TAIL_POSITION = Gauge(
    "realtime_tail_position", "The last sequence handed out.", multiprocess_mode="livemin"
)
LOG_HEAD = Gauge("realtime_log_head", "The last sequence in the log.", multiprocess_mode="livemax")
RELAYED = Counter("realtime_relayed_events", "Events that this node's relay has numbered.")
RELAY_LAG = Histogram(
    "realtime_relay_lag_seconds",
    "Age of the oldest event of each batch that was numbered here.",
    buckets=(*FAST, 5, 10, 30, 60),
)
BACKLOG = Gauge(
    "realtime_outbox_backlog",
    "Events that wait for a number, as last counted; up to 10,001.",
    multiprocess_mode="livemax",
)
WAITING_POLLS = Gauge("realtime_waiting_polls", "Polls that wait.", multiprocess_mode="livesum")
POLL_WAITS = Histogram("realtime_poll_wait_seconds", "How long polls waited.", buckets=WAITS)
LAYER_UP = Gauge(
    "realtime_channel_layer_up",
    "0 while hints and signals should reach other nodes and do not, else 1.",
    multiprocess_mode="livemin",
)
DATABASE_QUEUE = Gauge(
    "realtime_database_queue",
    "Jobs that wait for a database thread, by kind of work.",
    ["work"],
    multiprocess_mode="livesum",
)

# A series that begins with what it counts hides its beginning: to Prometheus nothing has grown.
for close_code in CloseCode:
    CLOSES.labels(int(close_code))
for error_code in ErrorCode:
    ERRORS.labels(error_code)
for reason in ("epoch", "future", "pruned"):
    RESYNCS.labels(reason)
for limit in ("connections", "frames", "polls", "sends"):
    LIMIT_HITS.labels(limit)

# A type that a client makes up must not become a label.
UNKNOWN = "unknown"


def total(counter: Counter) -> float:
    """What this process has counted, over all labels."""
    return sum(one.value for one in _samples(counter) if one.name.endswith("_total"))


def value(gauge: Gauge) -> float:
    """What this process has set a gauge without labels to."""
    return next(_samples(gauge)).value


def buckets(histogram: Histogram) -> dict[float, float]:
    """How many observations of this process were at most as large as each bound, ascending."""
    return {
        float(one.labels["le"]): one.value
        for one in _samples(histogram)
        if one.name.endswith("_bucket")
    }


def _samples(collector: Collector) -> Iterator[Sample]:
    return (sample for family in collector.collect() for sample in family.samples)


def exposition(refresh: Callable[[], None]) -> bytes:
    """All metrics as text, in Prometheus' format.

    Args:
        refresh: called first, to set what is measured only when asked.
    """
    refresh()
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
