"""A visitor comes in, by a form or by one click."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.looking import expect_connection


@pytest.fixture
def visitor(new_context: Callable[..., BrowserContext]) -> Page:
    return new_context().new_page()


@pytest.mark.parametrize("path", ["/", "/login"])
def test_a_demo_user_is_one_click_away(visitor: Page, path: str) -> None:
    visitor.goto(path)
    visitor.get_by_role("button", name="Sign in as carol").click()
    expect_connection(visitor, "Connected")
    expect(visitor.locator("#account")).to_contain_text("Carol Carter")
    expect(visitor.locator("#posts > li").first).to_be_visible()


def test_a_wrong_password_is_explained(visitor: Page) -> None:
    visitor.goto("/login")
    visitor.get_by_label("Username").fill("alice")
    visitor.get_by_label("Password").fill("guess")
    visitor.get_by_role("button", name="Sign in", exact=True).click()
    expect(visitor.get_by_role("alert")).to_contain_text("Please enter a correct username")
    expect(visitor.get_by_label("Username")).to_have_value("alice")


def test_the_console_is_reached_by_way_of_the_form(visitor: Page) -> None:
    visitor.goto("/console")
    visitor.get_by_label("Username").fill("alice")
    visitor.get_by_label("Password").fill("demo-socialhub")
    visitor.get_by_role("button", name="Sign in", exact=True).click()
    expect(visitor.get_by_role("heading", name="Console")).to_be_visible()
