"""deploy/compose: what it says fits the product, and its services work together.

There is no container engine here. The services' own commands, environments and
health checks are run as processes, the server from a folder that holds what the
Dockerfile copies; of names and ports, those that containers have are put in place.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from ipaddress import ip_address, ip_network
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml

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
from tests.deploy.proxy import Nginx, nginx
from tests.faults.processes import PostgreSQL
from tests.monolith.processes import running, wait_for
from tests.servers import ROOT, free_port

COMPOSE = ROOT / "deploy/compose"
DOCKERFILE = (COMPOSE / "Dockerfile").read_text()
EXAMPLE = variables(COMPOSE / "environment.example")
TEXT = (COMPOSE / "compose.yaml").read_text()
FILE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
SERVERS = ("app1", "app2")
ASKED_FOR = re.compile(r"\$\{(\w+)[^}]*\}")
ADDRESS = re.compile(r"server (\w+):(\d+) ")
UPSTREAM = COMPOSE / "realtime-upstream.conf"


def instructions(name: str) -> list[str]:
    """What the Dockerfile has of one kind."""
    return re.findall(rf"^{name} (.*)$", DOCKERFILE, re.M)


def mounts(service: str) -> Iterator[tuple[str, str]]:
    """What a service sees, and where."""
    for volume in SERVICES[service].get("volumes", []):
        there, here = re.sub(r"\$\{TLS:-(.*?)\}", r"\1", volume).split(":")[:2]
        yield there, here


class TestTheFiles:
    def test_every_variable_that_is_asked_for_is_in_the_example(self) -> None:
        assert set(ASKED_FOR.findall(TEXT)) == EXAMPLE.keys()

    @pytest.mark.parametrize("service", ["migrate", *SERVERS])
    def test_the_servers_read_what_they_are_given(self, service: str) -> None:
        assert SERVICES[service]["environment"].keys() <= READ

    def test_nothing_waits_for_a_service_that_is_not_there_or_not_checked(self) -> None:
        for service in SERVICES.values():
            for name, wait in service.get("depends_on", {}).items():
                healthy = wait["condition"] == "service_healthy"
                assert "healthcheck" in SERVICES[name] or not healthy, name

    def test_nginx_knows_the_servers_by_their_names_and_port(self) -> None:
        (port,) = instructions("EXPOSE")
        assert ADDRESS.findall(UPSTREAM.read_text()) == [(name, port) for name in SERVERS]
        for service in SERVERS:
            assert f"127.0.0.1:{port}/" in SERVICES[service]["healthcheck"]["test"][-1]

    def test_the_servers_believe_nginx_and_nobody_else(self) -> None:
        inside = ip_network(FILE["networks"]["inside"]["ipam"]["config"][0]["subnet"])
        addresses = {
            name: ip_address(SERVICES[name]["networks"]["inside"]["ipv4_address"])
            for name in ("nginx", *SERVERS)
        }
        assert len(set(addresses.values())) == len(addresses)
        assert all(address in inside for address in addresses.values())
        for service in SERVERS:
            believed = SERVICES[service]["environment"]["FORWARDED_ALLOW_IPS"]
            assert believed == str(addresses["nginx"])

    def test_the_servers_have_time_to_send_their_clients_away(self) -> None:
        assert instructions("STOPSIGNAL") == ["SIGTERM"]
        for service in SERVERS:
            assert SERVICES[service]["stop_grace_period"] == f"{STOP_SECONDS:.0f}s"

    def test_nginx_finds_its_files_where_its_configuration_has_them(self) -> None:
        config = "".join(path.read_text() for path in (ROOT / "deploy/nginx").glob("*.conf"))
        for there, here in mounts("nginx"):
            if there.endswith(".conf"):
                assert (COMPOSE / there).is_file(), there
            else:
                assert f"{here}/" in config, here

    def test_static_files_go_where_the_site_writes_them(self) -> None:
        (folder,) = instructions("WORKDIR")
        assert dict(mounts("migrate"))["static"] == f"{folder}/staticfiles"
        assert dict(mounts("nginx"))["static"] == f"{folder}/staticfiles"

    def test_what_is_copied_reaches_the_builder(self) -> None:
        ignored = (COMPOSE / "Dockerfile.dockerignore").read_text().splitlines()
        allowed = {line[1:] for line in ignored if line.startswith("!")}
        assert {line.split()[0] for line in instructions("COPY")} == allowed


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that other users get to: PostgreSQL, and nginx's workers."""
    with TemporaryDirectory(prefix="compose-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture
def image(folder: Path) -> Path:
    """What the Dockerfile copies, in a folder."""
    folder = folder / "image"
    (folder / "staticfiles").mkdir(parents=True)
    for line in instructions("COPY"):
        source, target = line.split()
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, folder / target)
        else:
            shutil.copy(ROOT / source, folder / target)
    return folder


class Composition:
    """The services as processes; each has its own port on this machine."""

    def __init__(self, folder: Path, image: Path, postgresql: PostgreSQL) -> None:
        self.folder = folder
        self.image = image
        self.postgresql = postgresql
        self.ports = {name: free_port() for name in ("redis", *SERVERS)}
        self._filled_in = {**EXAMPLE, "SECRET_KEY": SECRET, "POSTGRES_PASSWORD": "of-the-tests"}

    @property
    def host(self) -> str:
        return self._filled_in["ALLOWED_HOSTS"]

    def environment(self, service: str) -> dict[str, str]:
        """What the file gives it, with this machine's addresses."""
        given = {
            name: ASKED_FOR.sub(lambda found: self._filled_in[found[1]], value)
            for name, value in SERVICES[service].get("environment", {}).items()
        }
        if "DATABASE_URL" in given:
            given["DATABASE_URL"] = given["DATABASE_URL"].replace(
                "@postgres:5432/", f"@127.0.0.1:{self.postgresql.port}/"
            )
            given["REDIS_URL"] = given["REDIS_URL"].replace(
                "//redis:6379/", f"//127.0.0.1:{self.ports['redis']}/"
            )
            given["FORWARDED_ALLOW_IPS"] = "127.0.0.1"
        path = f"{Path(sys.executable).parent}:{BARE['PATH']}"
        return {**BARE, "PATH": path, **given}

    def is_healthy(self, service: str) -> bool:
        """What its health check says."""
        kind, *command = SERVICES[service]["healthcheck"]["test"]
        assert kind == "CMD"
        match service:
            case "postgres":
                command.append(f"--port={self.postgresql.port}")
            case "redis":
                command[1:1] = ["-p", str(self.ports["redis"])]
            case _:
                command = [self.here(service, word) for word in command]
        return call(command, self.folder, self.environment(service))[0] == 0

    def here(self, service: str, word: str) -> str:
        """A server's word, with its port here."""
        return word.replace("8082", str(self.ports[service])).replace("0.0.0.0", "127.0.0.1")

    def server_command(self, service: str) -> list[str]:
        (command,) = instructions("CMD")
        return [self.here(service, word) for word in json.loads(command)]


@asynccontextmanager
async def database(folder: Path) -> AsyncIterator[PostgreSQL]:
    """PostgreSQL with the file's arguments, user and database; its image would make these."""
    server = PostgreSQL(folder)
    server.create()
    program, *arguments = SERVICES["postgres"]["command"]
    assert program == "postgres"
    try:
        await server.start(*arguments)
        server.create_database()
        names = SERVICES["postgres"]["environment"]
        user, name = names["POSTGRES_USER"], names["POSTGRES_DB"]
        server.execute(f"CREATE ROLE {user} LOGIN")
        server.execute(f"CREATE DATABASE {name} OWNER {user}")
        yield server
    finally:
        server.end()


async def test_the_services_work_together_and_one_server_may_go(folder: Path, image: Path) -> None:
    with ExitStack() as stack:
        async with database(folder) as postgresql:
            site = Composition(folder, image, postgresql)
            assert site.is_healthy("postgres")
            assert not site.is_healthy("redis")
            redis = [*SERVICES["redis"]["command"], "--port", str(site.ports["redis"])]
            process = stack.enter_context(running(redis, folder))
            wait_for(lambda: site.is_healthy("redis"), process)

            migrate = site.environment("migrate")
            succeeds(SERVICES["migrate"]["command"], image, migrate)
            assert (image / "staticfiles/realtime/client.js").exists()
            superuser = ["python", "manage.py", "createsuperuser", "--noinput"]
            succeeds(superuser, image, {**migrate, **SUPERUSER})

            servers = [
                stack.enter_context(
                    running(site.server_command(name), image, site.environment(name), folder)
                )
                for name in SERVERS
            ]
            for name, server in zip(SERVERS, servers, strict=True):
                wait_for(partial(site.is_healthy, name), server)
            addresses = {f"{name}:8082": site.ports[name] for name in SERVERS}
            proxy = stack.enter_context(
                nginx(folder, addresses, upstream=UPSTREAM, static=image / "staticfiles")
            )
            _, *check = SERVICES["nginx"]["healthcheck"]["test"]
            succeeds([word.replace(":443", f":{proxy.port}") for word in check], folder, BARE)

            visitor = Visitor(site.ports["app1"], site.host)
            token = await visitor.token()
            async with visitor.socket(token) as socket:
                servers[0].send_signal(signal.Signals[instructions("STOPSIGNAL")[0]])
                await socket.wait_closed()
                assert socket.close_code == GOING_AWAY
            assert await asyncio.to_thread(servers[0].wait, STOP_SECONDS) == 0
            assert not site.is_healthy("app1")
            assert site.is_healthy("app2")
            await everything_is_there(proxy, site.host, token)


async def everything_is_there(proxy: Nginx, host: str, token: str) -> None:
    """Through nginx, under the site's name: its pages, its static files, its API."""
    async with proxy.http() as http:
        names = {"Host": host, "Authorization": f"Bearer {token}"}
        for path in ("/login", "/static/realtime/client.js", "/api/v1/notifications"):
            answer = await http.get(path, headers=names)
            assert answer.status_code == 200, (path, answer.text)
