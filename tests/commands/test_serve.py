"""`manage.py serve`, where it cannot start."""

from __future__ import annotations

import socket

import pytest

from tests.servers import manage


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_a_taken_port_is_told_in_one_line_with_what_to_do(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = manage("serve", "--host", host, "--port", str(port))
    assert done.returncode == 1
    assert done.stderr == (
        f"CommandError: Cannot listen on {host}, port {port}: Address already in use. Choose "
        f"another --port (make serve PORT={port + 1}), or see who has it: "
        f"ss -ltnp 'sport = :{port}'\n"
    )


def test_an_address_of_another_machine_is_told_too() -> None:
    done = manage("serve", "--host", "203.0.113.7")
    assert done.returncode == 1
    assert "Cannot listen on 203.0.113.7, port 8082: Cannot assign requested" in done.stderr
