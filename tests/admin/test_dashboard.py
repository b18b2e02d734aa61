"""The page of the nodes' figures. What it draws: `tests/browser/test_admin_dashboard.py`."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import path, reverse

from realtime.authentication import authenticate
from realtime.users import user_id
from tests.admin.staff import Staff

NODES = "realtime_node"

# A site that has our pages and not our API.
urlpatterns = [path("admin/", admin.site.urls)]


@pytest.fixture
def page() -> str:
    return reverse("admin:realtime_node_dashboard")


def source(html: str) -> dict[str, str]:
    """What the page tells its script."""
    found = re.search(r'<form id="realtime-source"([^>]*)>', html)
    assert found, html
    return dict(re.findall(r'data-(\w+)="([^"]*)"', found[1]))


def test_the_list_of_nodes_leads_to_it(operator: Staff, page: str) -> None:
    html = operator.client.get(reverse("admin:realtime_node_changelist")).content.decode()
    assert f'href="{page}"' in html
    assert "Deliveries a second" in operator.read(page)


def test_who_may_not_see_nodes_may_not_see_it(transactional_db: None, page: str) -> None:
    assert Staff("eve").client.get(page).status_code == 403
    assert Client().get(page).status_code == 302


def test_it_has_no_script_or_style_written_into_it(operator: Staff, page: str) -> None:
    html = operator.client.get(page).content.decode()
    content = html.partition('<div id="content"')[2]
    assert "realtime/admin/dashboard.js" in html
    assert re.findall(r"<script|<style|\bstyle=|\bon[a-z]+=", content) == []


def test_it_gets_a_token_of_who_is_signed_in(operator: Staff, page: str) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(operator.user)
    html = browser.get(page).content.decode()
    token_url = source(html)["token"]
    assert browser.post(token_url).status_code == 403
    csrf = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', html)
    assert csrf
    answer = browser.post(token_url, headers={"X-CSRFToken": csrf[1]}).json()
    assert authenticate(answer["access"]).user_id == user_id(operator.user)


def test_it_connects_where_the_site_has_the_socket(operator: Staff, page: str) -> None:
    told = source(operator.client.get(page).content.decode())
    assert (told["socket"], told["api"]) == ("/ws", "/api/v1/")
    assert (told["channel"], told["permission"]) == ("realtime.stats", "realtime.view_node")


@pytest.mark.options(SOCKET_URL="wss://live.example.org/ws")
def test_the_socket_may_be_elsewhere(operator: Staff, page: str) -> None:
    told = source(operator.client.get(page).content.decode())
    assert told["socket"] == "wss://live.example.org/ws"


def test_without_the_api_it_says_what_to_add(operator: Staff, page: str, settings: Any) -> None:
    settings.ROOT_URLCONF = __name__
    text = operator.read(page)
    assert 'path("api/v1/", include("realtime.urls"))' in text
    assert "dashboard.js" not in operator.client.get(page).content.decode()
