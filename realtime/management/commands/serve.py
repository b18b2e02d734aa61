"""`manage.py serve`: run the site on uvicorn, with the options that suit it."""

from __future__ import annotations

import importlib.util
import os
import socket
import sys
import tempfile
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from realtime import hints
from realtime.management.command import EngineCommand

# Frames are refused above 64 KiB by the engine, with a proper close; the
# server's own limit only has to keep the absurd out of memory.
MAX_FRAME_BYTES = 128 * 1024
PING_SECONDS = 20


class Command(EngineCommand):
    help = (
        "Serve ASGI_APPLICATION on uvicorn (uvloop, httptools), with WebSocket pings every "
        f"{PING_SECONDS} s and the fast way out for events. For production, behind a proxy; "
        "see docs/operations.md. Ctrl-C and SIGTERM send clients away first; they come back."
    )
    examples = (
        ("", "on 127.0.0.1:8082"),
        ("--host 0.0.0.0 --port 80 --workers 4", "four processes, for everybody"),
    )
    statuses = ("ended by Ctrl-C or SIGTERM", "could not start, as where the port is taken")

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="Address (default: %(default)s).")
        parser.add_argument("--port", type=int, default=8082, help="Port (default: %(default)s).")
        parser.add_argument(
            "--workers", type=int, default=1, help="Server processes (default: %(default)s)."
        )
        parser.add_argument(
            "--access-log", action="store_true", help="Log every request (tokens are redacted)."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if importlib.util.find_spec("uvicorn") is None:
            raise CommandError("uvicorn is missing: pip install 'socialhub-realtime[uvicorn]'")
        _check_address(options["host"], options["port"])
        module, _, attribute = settings.ASGI_APPLICATION.rpartition(".")
        workers = options["workers"]
        if workers > 1 and hints.shared_layer() is None:
            self.stdout.write(
                f"{workers} workers without Redis: events reach all of them within "
                "0.3 s, typing indicators stay within one. Set REDIS_URL to share them."
            )
        arguments = [
            sys.executable, "-m", "uvicorn", f"{module}:{attribute}",
            "--app-dir", sys.path[0],  # where manage.py is, wherever it is called from
            "--host", options["host"],
            "--port", str(options["port"]),
            "--workers", str(workers),
            # A worker that is still importing the site on a busy machine is not dead.
            "--timeout-worker-healthcheck", "60",
            "--loop", "uvloop",
            "--http", "realtime.uvicorn_protocol:HttpProtocol",
            "--ws", "realtime.uvicorn_protocol:WebSocketProtocol",
            "--ws-per-message-deflate", "false",
            "--ws-max-size", str(MAX_FRAME_BYTES),
            "--ws-ping-interval", str(PING_SECONDS),
            "--ws-ping-timeout", str(PING_SECONDS),
            "--log-level", "info" if options["access_log"] else "warning",
            "--access-log" if options["access_log"] else "--no-access-log",
        ]  # fmt: skip
        self.stdout.flush()
        if workers > 1 and "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            # Whichever worker is asked for /metrics shows the sums of all.
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="realtime-metrics-")
        # In place of this process: the server gets the signals that are meant for it.
        os.execv(sys.executable, arguments)


def _check_address(host: str, port: int) -> None:
    """Say now, in words, why nobody can listen there: uvicorn would only after the site is up.

    Raises:
        CommandError: the port is taken, or the address is not one of this machine's.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, number, _, address in found:
            with socket.socket(family, kind, number) as probe:
                # As servers do: connections of an earlier one that linger do not matter.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
    except OSError as error:
        raise CommandError(
            f"Cannot listen on {host}, port {port}: {error.strerror}. Choose another --port "
            f"(make serve PORT={port + 1}), or see who has it: ss -ltnp 'sport = :{port}'"
        ) from None
