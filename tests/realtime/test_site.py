"""What surrounds the engine: settings, checks, health, commands, logs."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.checks import run_checks
from django.template import Context, Template
from django.test import RequestFactory

from notifications.services import notify
from realtime import relay
from realtime.authentication import authenticate
from realtime.redaction import RedactTokens
from realtime.users import user_id
from tests import options_table
from tests.clients import open_socket
from tests.people import login_name
from tests.servers import ROOT, Address, environment, manage

REDIS_AS_IN_THE_TUTORIAL = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {"hosts": [("127.0.0.1", 6379)]},
    }
}


def problems(**options: Any) -> set[str]:
    return {problem.id or "" for problem in run_checks(**options)}


def test_the_documented_options_are_those_of_the_setting() -> None:
    page = options_table.PAGE.read_text()
    assert page == options_table.written(page), "Run `python -m tests.options_table`"


def test_the_sample_site_has_no_problems() -> None:
    assert problems() == set()


@pytest.mark.parametrize(
    ("setting", "value", "problem"),
    [
        ("REALTIME", ["no dict"], "realtime.E001"),
        ("REALTIME", {"MAX_CONECTIONS": 5}, "realtime.E002"),
        ("REALTIME", {"DESCRIBE_USER": "nowhere.at_all"}, "realtime.E003"),
        ("REALTIME", {"MAX_CONNECTIONS": "ten"}, "realtime.E004"),
        ("REALTIME", {"MAX_CONNECTIONS": -1}, "realtime.E004"),
        ("REALTIME", {"RELAY_BATCH": 0}, "realtime.E004"),
        ("REALTIME", {"ALLOWED_ORIGINS": "https://app.example.org"}, "realtime.E008"),
        ("REALTIME", {"CACHE": "missing"}, "realtime.E006"),
        ("REALTIME", {"CHANNEL_LAYER": "missing"}, "realtime.E012"),
        ("REALTIME", {"API_PREFIX": "/elsewhere/"}, "realtime.W008"),
        ("ASGI_APPLICATION", None, "realtime.E005"),
        ("ASGI_APPLICATION", "tests.nowhere.application", "realtime.E011"),
        ("CHANNEL_LAYERS", {"default": {"BACKEND": "no.such.Layer"}}, "realtime.E012"),
        ("CHANNEL_LAYERS", REDIS_AS_IN_THE_TUTORIAL, "realtime.W005"),
        ("ROOT_URLCONF", "tests.empty_urls", "realtime.W001"),
        ("ROOT_URLCONF", "tests.empty_urls", "notifications.W001"),
        ("ROOT_URLCONF", "tests.empty_urls", "presence.W001"),
        ("ROOT_URLCONF", "tests.empty_urls", "messaging.W001"),
    ],
)
def test_a_fault_in_the_settings_is_found(
    settings: Any, setting: str, value: Any, problem: str
) -> None:
    setattr(settings, setting, value)
    assert problem in problems()


def test_a_deployment_without_a_shared_layer_is_told_what_that_means(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {}
    assert "realtime.W007" in problems(include_deployment_checks=True)
    assert "realtime.W007" not in problems()


def test_without_a_secret_key_the_site_does_not_start() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env=environment(DEBUG="0", SECRET_KEY="", DJANGO_SETTINGS_MODULE="socialhub.settings"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "SECRET_KEY is not set. Set it to a long random text" in done.stderr


def test_demo_users_are_not_made_in_production(alice: Any) -> None:
    refused = manage("seed_demo")
    assert refused.returncode == 1
    assert "only with DEBUG on" in refused.stderr
    assert manage("seed_demo", "--if-embedded").returncode == 0


async def test_health_and_readiness_need_no_token_and_any_host(server: Address) -> None:
    async with httpx.AsyncClient(base_url=server.http) as http:
        headers = {"Host": "10.0.0.1"}
        assert (await http.get("/healthz", headers=headers)).json() == {"status": "ok"}
        ready = await http.get("/readyz", headers=headers)
        assert ready.status_code == 200
        assert ready.json() == {"status": "ok", "problems": [], "degraded": []}


def test_prune_events_says_what_it_did(alice: Any) -> None:
    notify(alice, "like", "text")
    relay.drain()
    assert manage("prune_events").stdout.startswith("0 events older than 86400 s")
    assert manage("prune_events", "--max-age", "0").stdout.startswith("1 event older than 0 s")
    assert manage("prune_events", "--max-age", "-1").returncode == 2


def test_tail_can_begin_in_the_past(alice: Any, bob: Any) -> None:
    notify(alice, "like", "first")
    notify(bob, "like", "for bob")
    done = manage("tail", login_name(alice), "--since", "0", "--count", "1", "--payload")
    assert '"first"' in done.stdout
    assert "for bob" not in done.stdout
    assert "no user 'nobody'" in manage("tail", "nobody").stderr


def test_a_template_gets_a_token_for_who_is_logged_in(alice: Any) -> None:
    request = RequestFactory().get("/")
    request.user = alice
    template = Template("{% load realtime %}{% realtime_token %}")
    token = template.render(Context({"request": request}))
    assert authenticate(token).user_id == user_id(alice)
    request.user = AnonymousUser()
    assert template.render(Context({"request": request})) == ""


async def test_tokens_stay_out_of_the_server_s_log(
    server: Address, alice: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "uvicorn.error")  # as with `--access-log`
    async with open_socket(server, alice) as socket:
        await socket.silence()
    lines = [record.getMessage() for record in caplog.records]
    assert any("/ws?token=[redacted]" in line for line in lines)
    assert not any("eyJ" in line for line in lines)


def test_only_the_token_is_redacted() -> None:
    record = logging.LogRecord("x", 20, "", 0, "%s %d", ("/ws?a=1&token=abc&b=2", 5), None)
    assert RedactTokens().filter(record)
    assert record.getMessage() == "/ws?a=1&token=[redacted]&b=2 5"
