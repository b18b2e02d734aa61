"""What is compared: how each server is installed and started, and how its sockets talk."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import install
from benchmarks.install import HERE, NODE
from benchmarks.load import opening_request
from benchmarks.processes import HOST, free_port, serving
from benchmarks.product import server
from benchmarks.product.server import DAPHNE, UVICORN, Site

NUMBER = "%%%%%%"  # where the load client puts an event's number
MESSAGE = f"event {NUMBER} ".ljust(236, "x")  # with the JSON around it, a payload of 250 bytes
MESSAGE_JSON = f'{{"message": "{MESSAGE}"}}'
ENGINE_IO = "/socket.io/?EIO=4&transport=websocket"


@dataclass(frozen=True)
class Context:
    """What servers are started with.

    Attributes:
        site: the product's.
        redis_url: a Redis for the tutorial's channel layer.
    """

    directory: Path
    site: Site
    redis_url: str


Start = Callable[[Context], AbstractContextManager[tuple[int, int]]]


@dataclass(frozen=True)
class Contender:
    """One server, whose sockets all get what one of them publishes.

    Attributes:
        start: runs it; gives its port and its pid.
        install: gets what it needs.
        path: where its sockets are; the product's want a token.
        publish_at: where another socket publishes; empty: the first one does.
        hello: the frame that a socket sends when it is open.
        greetings: frames that a socket gets before it is subscribed.
        envelope: the frame that publishes.
        share: one of so many of the events that the product gets is enough.
    """

    name: str
    start: Start
    path: str
    envelope: str
    install: Callable[[], None] = lambda: None
    publish_at: str = ""
    hello: str = ""
    greetings: int = 0
    share: int = 1

    @property
    def is_product(self) -> bool:
        return self.name.startswith("socialhub")

    def requests(self, port: int, sockets: int) -> list[bytes]:
        """The sockets' opening requests; the product's are of one user each."""
        if not self.is_product:
            return [opening_request(port, self.path)] * sockets
        users = range(1, sockets + 1)
        return [opening_request(port, self.path, server.token(user)) for user in users]

    def publisher(self, port: int) -> bytes:
        return opening_request(port, self.publish_at) if self.publish_at else b""


def _product(command: tuple[str, ...]) -> Start:
    return lambda context: context.site.serving(command)


def _process(*command: str, env: Callable[[Context], dict[str, str]] = lambda context: {}) -> Start:
    """A server of somebody else's; `{port}` and `{directory}` are filled in."""

    @contextmanager
    def start(context: Context) -> Iterator[tuple[int, int]]:
        port = free_port()
        filled = [part.format(port=port, directory=context.directory) for part in command]
        log = context.directory / f"{port}.log"
        with serving(filled, port, {**os.environ, **env(context)}, log) as pid:
            yield port, pid

    return start


def _uvicorn(
    application: str,
    env: Callable[[Context], dict[str, str]] = lambda context: {},
    protocols: tuple[str, ...] = ("--http", "httptools"),
) -> Start:
    return _process(
        sys.executable, "-m", "uvicorn", "--host", HOST, "--port", "{port}", "--loop", "uvloop",
        *protocols, "--lifespan", "off", "--log-level", "warning", application, env=env,
    )  # fmt: skip


@contextmanager
def _nchan(context: Context) -> Iterator[tuple[int, int]]:
    port = free_port()
    text = (HERE / "peers" / "nchan.conf").read_text()
    text = text.replace("PORT", str(port)).replace("MODULE", str(install.NCHAN))
    configuration = context.directory / "nchan.conf"
    configuration.write_text(text)
    command = ["nginx", "-p", str(context.directory), "-c", str(configuration)]
    env = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"}
    with serving(command, port, env, context.directory / f"{port}.log") as pid:
        yield port, pid


def _tutorial_settings(context: Context) -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "benchmarks.peers.tutorial.settings",
        "BENCHMARK_REDIS_URL": context.redis_url,
    }


_TUTORIAL = "benchmarks.peers.tutorial.asgi:application"
_SUBSCRIBED = "/ws?channels=bench"
_PUBLISH = f'{{"type": "bench_publish", "payload": {MESSAGE_JSON}}}'
_EMIT = f'42["bench",{MESSAGE_JSON}]'

PRODUCT = Contender(
    "socialhub on uvicorn",
    _product(UVICORN),
    path=_SUBSCRIBED,
    envelope=_PUBLISH,
    greetings=1,  # the `connect` reply: the channel is joined
)
PRODUCT_ON_DAPHNE = Contender(
    "socialhub on daphne",
    _product(DAPHNE),
    path=_SUBSCRIBED,
    envelope=_PUBLISH,
    greetings=1,
    share=3,
)
NCHAN = Contender(
    "nchan on nginx",
    _nchan,
    path="/subscribe",
    publish_at="/publish",
    envelope=MESSAGE_JSON,
    install=install.nchan,
)
WS = Contender(
    "ws on Node",
    _process("node", str(NODE / "ws.js"), "{port}"),
    path="/",
    envelope=MESSAGE_JSON,
    install=install.node_packages,
)
SOCKET_IO = Contender(
    "Socket.IO on Node",
    _process("node", str(NODE / "socketio.js"), "{port}"),
    path=ENGINE_IO,
    envelope=_EMIT,
    install=install.node_packages,
    hello="40",
    greetings=2,
)
PYTHON_SOCKETIO = Contender(
    "python-socketio on uvicorn",
    _uvicorn("benchmarks.peers.python_socketio:application"),
    path=ENGINE_IO,
    envelope=_EMIT,
    install=install.python_packages,
    hello="40",
    greetings=2,
    share=5,
)
TUTORIAL_ON_DAPHNE = Contender(
    "Channels tutorial on daphne",
    _process(
        sys.executable, "-m", "daphne", "--bind", HOST, "--port", "{port}", "--verbosity", "0",
        _TUTORIAL, env=_tutorial_settings,
    ),
    path="/ws",
    envelope=MESSAGE_JSON,
    share=10,
)  # fmt: skip
TUTORIAL_ON_UVICORN = Contender(
    "Channels tutorial on uvicorn",
    _uvicorn(_TUTORIAL, _tutorial_settings),
    path="/ws",
    envelope=MESSAGE_JSON,
    share=10,
)
# Not among the peers: the walls that everything on uvicorn stands before, as it comes and as
# `manage.py serve` has it.
_ACCEPTING = "benchmarks.peers.accepting:application"
UVICORN_ALONE = Contender("uvicorn alone", _uvicorn(_ACCEPTING), path="/", envelope="", greetings=1)
OUR_UVICORN_ALONE = Contender(
    "uvicorn alone, our protocols",
    _uvicorn(
        _ACCEPTING,
        protocols=(
            "--http", "realtime.uvicorn_protocol:HttpProtocol",
            "--ws", "realtime.uvicorn_protocol:WebSocketProtocol",
            "--ws-per-message-deflate", "false", "--no-access-log",
        ),
    ),
    path="/",
    envelope="",
    greetings=1,
)  # fmt: skip
CONTENDERS = (
    PRODUCT,
    PRODUCT_ON_DAPHNE,
    NCHAN,
    WS,
    SOCKET_IO,
    PYTHON_SOCKETIO,
    TUTORIAL_ON_DAPHNE,
    TUTORIAL_ON_UVICORN,
)
