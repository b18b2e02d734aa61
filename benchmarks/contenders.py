"""What is compared: how each server is started, and how its events are published."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import jwt
import msgspec

from benchmarks.load import Job, Result
from benchmarks.processes import HOST, free_port, run, serving

SIGNING_KEY = "the-benchmark-signs-tokens-with-this-key-and-nothing-else"
TOKEN_SECONDS = 3600
PREPARE_SECONDS = 120.0
# At the tutorial's speed as many events as the product gets would take minutes.
TUTORIAL_SHARE = 10
PUBLISHED_BYTES = 236  # with the JSON around it, a payload of 250 bytes


@dataclass(frozen=True)
class Plan:
    """How much is sent, to how many, and where files may be left meanwhile."""

    sockets: int
    events: int
    in_flight: int
    timeout: float
    directory: Path


@dataclass(frozen=True)
class Contender:
    """One server with one consumer.

    Attributes:
        command: what follows `python`, with `{port}`.
        greetings: frames that a socket gets before it is subscribed.
        envelope: the frame that publishes, with `%s` for the text.
        share: one of so many of the plan's events is enough.
    """

    name: str
    command: tuple[str, ...]
    settings: str
    path: str
    envelope: str
    greetings: int = 0
    authenticated: bool = False
    share: int = 1


PRODUCT = Contender(
    name="socialhub on uvicorn",
    command=("manage.py", "serve", "--host", HOST, "--port", "{port}"),
    settings="benchmarks.product.settings",
    path="/ws?channels=bench",
    envelope='{"type": "bench_publish", "payload": {"message": %s}}',
    greetings=1,  # the `connect` reply: the channel is joined
    authenticated=True,
)
TUTORIAL_ON_DAPHNE = Contender(
    name="tutorial on daphne",
    command=(
        "-m", "daphne", "--bind", HOST, "--port", "{port}", "--verbosity", "0",
        "benchmarks.tutorial.asgi:application",
    ),
    settings="benchmarks.tutorial.settings",
    path="/ws",
    envelope='{"message": %s}',
    share=TUTORIAL_SHARE,
)  # fmt: skip
TUTORIAL_ON_UVICORN = Contender(
    name="tutorial on uvicorn",
    command=(
        "-m", "uvicorn", "--host", HOST, "--port", "{port}", "--loop", "uvloop",
        "--http", "httptools", "--lifespan", "off", "--log-level", "warning",
        "benchmarks.tutorial.asgi:application",
    ),
    settings="benchmarks.tutorial.settings",
    path="/ws",
    envelope='{"message": %s}',
    share=TUTORIAL_SHARE,
)  # fmt: skip
CONTENDERS = (PRODUCT, TUTORIAL_ON_DAPHNE, TUTORIAL_ON_UVICORN)


def prepare(plan: Plan) -> None:
    """Make the product's database, with a user for each socket."""
    env = _environment(PRODUCT, plan)
    run("benchmarks.product.prepare", str(plan.sockets), env=env, timeout=PREPARE_SECONDS)


def measure(contender: Contender, plan: Plan) -> Result:
    """Start the server, load it, stop it.

    Raises:
        BenchmarkError: it did not start, or an event did not reach a socket.
    """
    with _started(contender, plan) as (port, pid):
        expires = int(time.time()) + TOKEN_SECONDS
        events = max(plan.in_flight, plan.events // contender.share)
        job = Job(
            host=HOST,
            port=port,
            path=contender.path,
            server_pid=pid,
            tokens=[
                _token(number, expires) if contender.authenticated else ""
                for number in range(1, plan.sockets + 1)
            ],
            greetings=contender.greetings,
            envelope=contender.envelope,
            message_bytes=PUBLISHED_BYTES,
            warm_up=max(plan.in_flight, events // 5),
            events=events,
            in_flight=plan.in_flight,
            timeout=plan.timeout,
        )
        output = run(
            "benchmarks.load",
            env=_environment(contender, plan),
            stdin=msgspec.json.encode(job),
            timeout=3 * plan.timeout + 10,
        )
    return msgspec.json.decode(output, type=Result)


@contextmanager
def _started(contender: Contender, plan: Plan) -> Iterator[tuple[int, int]]:
    port = free_port()
    command = [sys.executable, *(part.format(port=port) for part in contender.command)]
    log = plan.directory / f"{contender.name.replace(' ', '-')}.log"
    with serving(command, port, _environment(contender, plan), log) as pid:
        yield port, pid


def _environment(contender: Contender, plan: Plan) -> dict[str, str]:
    """This process's environment, but for what would change the measured site."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": contender.settings,
        "DEBUG": "0",
        "SECRET_KEY": SIGNING_KEY,
        "JWT_SIGNING_KEY": SIGNING_KEY,
        "ALLOWED_HOSTS": HOST,
        "DATABASE_URL": f"sqlite:///{plan.directory / 'product.sqlite3'}",
        "REDIS_URL": "",
    }


def _token(user: int, expires: int) -> str:
    return jwt.encode({"user_id": str(user), "exp": expires}, SIGNING_KEY, algorithm="HS256")
