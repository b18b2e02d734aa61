"""The pages of the sample site, as a visitor's browser asks for them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse

from notifications.models import Notification
from notifications.services import unread_count
from realtime.users import describe
from socialhub import views
from socialhub.demo import PASSWORD as DEMO_PASSWORD
from tests.people import PASSWORD, login_name, make_user

pytestmark = pytest.mark.django_db
STATIC = settings.BASE_DIR / "socialhub" / "static"


@pytest.fixture
def visitor() -> Client:
    return Client()


@pytest.fixture
def alices_browser(alice: Any) -> Client:
    browser = Client()
    browser.force_login(alice)
    return browser


@pytest.fixture
def staff_browser() -> Client:
    browser = Client()
    browser.force_login(make_user("stella", is_staff=True))
    return browser


@pytest.fixture
def bob_is_a_demo_user(settings: Any, monkeypatch: pytest.MonkeyPatch, bob: Any) -> None:
    """In development, where there is also a demo user that was never made."""
    settings.DEBUG = True
    monkeypatch.setattr(views, "PEOPLE", [(login_name(bob),), ("nobody",)])


def page(browser: Client, name: str) -> str:
    response = browser.get(reverse(name))
    assert response.status_code == 200
    return response.content.decode()


# --- signed out ------------------------------------------------------------------------


def test_a_visitor_is_told_where_to_sign_in_and_where_the_api_is(visitor: Client) -> None:
    home = page(visitor, "home")
    for name in ("login", "admin:index", "api-docs", "realtime:poll", "readyz"):
        assert f'href="{reverse(name)}"' in home


def test_a_visitor_gets_no_script_and_no_token(visitor: Client) -> None:
    assert "<script" not in page(visitor, "home")


@pytest.mark.usefixtures("bob_is_a_demo_user")
@pytest.mark.parametrize("name", ["home", "login"])
def test_demo_users_that_exist_are_named_with_debug(visitor: Client, bob: Any, name: str) -> None:
    shown = page(visitor, name)
    assert f"<code>{login_name(bob)}</code>" in shown
    assert DEMO_PASSWORD in shown
    assert "nobody" not in shown


@pytest.mark.usefixtures("bob_is_a_demo_user")
@pytest.mark.parametrize("name", ["home", "login"])
def test_demo_users_are_not_named_without_debug(
    visitor: Client, settings: Any, bob: Any, name: str
) -> None:
    settings.DEBUG = False
    shown = page(visitor, name)
    assert login_name(bob) not in shown
    assert DEMO_PASSWORD not in shown


# --- signing in and out ------------------------------------------------------------------


def test_a_wrong_password_is_explained_and_the_username_kept(visitor: Client, alice: Any) -> None:
    response = visitor.post(reverse("login"), {"username": login_name(alice), "password": "wrong"})
    shown = response.content.decode()
    assert 'role="alert"' in shown
    assert "Please enter a correct" in shown
    assert f'value="{login_name(alice)}"' in shown


def test_signing_in_leads_to_the_site(visitor: Client, alice: Any) -> None:
    response = visitor.post(
        reverse("login"), {"username": login_name(alice), "password": PASSWORD}, follow=True
    )
    assert response.redirect_chain == [(reverse("home"), 302)]
    assert f'data-user-id="{alice.pk}"' in response.content.decode()


def test_signing_out_needs_a_post(alices_browser: Client) -> None:
    assert alices_browser.get(reverse("logout")).status_code == 405
    assert alices_browser.post(reverse("logout")).status_code == 302
    assert "data-user-id" not in page(alices_browser, "home")


# --- signed in -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["home", "console"])
def test_pages_of_a_user_are_not_cached(staff_browser: Client, name: str) -> None:
    assert "no-store" in staff_browser.get(reverse(name))["Cache-Control"]


@pytest.mark.parametrize("name", ["home", "login", "console"])
def test_pages_have_no_inline_script_or_style(staff_browser: Client, name: str) -> None:
    response = staff_browser.get(reverse(name))
    assert "style-src 'self';" in response["Content-Security-Policy"]
    shown = response.content.decode()
    assert "<style" not in shown
    assert " style=" not in shown
    assert " onclick=" not in shown
    assert shown.count("<script") == shown.count("<script type=")
    assert "></script>" in shown or "<script" not in shown


@pytest.mark.parametrize("name", ["home", "login", "console"])
def test_everything_that_a_page_loads_is_there(staff_browser: Client, name: str) -> None:
    shown = page(staff_browser, name)
    loaded = re.findall(r'(?:src|href)="/static/([^"#]+)', shown)
    assert loaded
    assert [path for path in loaded if not finders.find(path)] == []


def test_every_module_that_a_script_imports_is_there() -> None:
    modules = list((STATIC / "socialhub").rglob("*.js"))
    assert len(modules) > 20
    for module in modules:
        for imported in re.findall(r'from "(\.[^"]+)"', module.read_text()):
            target = (module.parent / imported).resolve()
            if target.is_relative_to(STATIC / "realtime"):  # of another app
                assert finders.find(str(target.relative_to(STATIC))), imported
            else:
                assert target.is_file(), f"{module.name} imports {imported}"


def test_scripts_put_no_markup_in() -> None:
    for module in (STATIC / "socialhub").rglob("*.js"):
        found = re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|\beval\b", module.read_text())
        assert found == [], module.name


def test_the_console_is_for_the_staff(visitor: Client, alices_browser: Client) -> None:
    assert visitor.get(reverse("console"))["Location"].startswith(reverse("login"))
    assert alices_browser.get(reverse("console")).status_code == 403
    assert reverse("console") not in page(alices_browser, "home")


def test_the_staff_finds_the_console(staff_browser: Client) -> None:
    assert f'href="{reverse("console")}"' in page(staff_browser, "home")
    assert f'data-schema-url="{reverse("json-schema")}"' in page(staff_browser, "console")


def test_the_served_schema_is_the_published_one(visitor: Client) -> None:
    response = visitor.get(reverse("json-schema"))
    assert response["Content-Type"] == "application/schema+json"
    assert response.json() == json.loads((settings.BASE_DIR / "schema/schema.json").read_text())


def test_the_name_of_a_user_is_escaped(alice: Any, alices_browser: Client) -> None:
    for field in ("first_name", "name"):  # whichever the user model has
        if hasattr(alice, field):
            setattr(alice, field, "<b>Alice</b>")
    alice.save()
    assert "<b>Alice</b>" not in page(alices_browser, "home")


# --- "Notify me" -----------------------------------------------------------------------------


def test_notify_me_notifies_the_visitor(alices_browser: Client, alice: Any) -> None:
    response = alices_browser.post(reverse("notify-me"))
    assert response.status_code == 204
    assert Notification.objects.get().recipient == alice
    assert unread_count(str(alice.pk)) == 1


@pytest.mark.usefixtures("bob_is_a_demo_user")
def test_notify_me_acts_for_another_demo_user_with_debug(
    alices_browser: Client, alice: Any, bob: Any
) -> None:
    alices_browser.post(reverse("notify-me"))
    notification = Notification.objects.get(recipient=alice)
    assert notification.actor == bob
    assert describe(bob)["display_name"] in notification.message


@pytest.mark.usefixtures("bob_is_a_demo_user")
def test_notify_me_does_not_act_for_the_visitor(bob: Any) -> None:
    browser = Client()
    browser.force_login(bob)
    browser.post(reverse("notify-me"))
    assert Notification.objects.get(recipient=bob).actor is None


@pytest.mark.usefixtures("bob_is_a_demo_user")
def test_notify_me_speaks_in_nobodys_name_without_debug(
    settings: Any, alices_browser: Client, alice: Any
) -> None:
    settings.DEBUG = False
    alices_browser.post(reverse("notify-me"))
    assert Notification.objects.get(recipient=alice).actor is None


def test_notify_me_sends_a_visitor_to_sign_in(visitor: Client) -> None:
    response = visitor.post(reverse("notify-me"))
    assert response.status_code == 302
    assert response["Location"] == reverse("login")
    assert not Notification.objects.exists()


def test_notify_me_refuses_get(alices_browser: Client) -> None:
    assert alices_browser.get(reverse("notify-me")).status_code == 405
    assert not Notification.objects.exists()


def test_notify_me_refuses_a_post_from_another_site(alice: Any) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    assert browser.post(reverse("notify-me")).status_code == 403
    assert not Notification.objects.exists()
