"""Posts, likes and comments, on two people's pages."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.looking import badge, older_post, post, show
from tests.browser.site import Person


def test_new_posts_wait_behind_a_pill_and_one_s_own_do_not(open_page: OpenPage) -> None:
    alice, bob = open_page("alice"), open_page("bob")
    for text in ("First loaf", "Second loaf"):
        bob.get_by_label("What is new?").fill(text)
        bob.get_by_role("button", name="Post", exact=True).click()
        expect(post(bob, text)).to_be_visible()
    pill = alice.get_by_role("button", name="2 new posts")
    expect(pill).to_be_visible()
    expect(post(alice, "First loaf")).to_have_count(0)
    expect(badge(alice, "feed")).to_have_text("2 new")
    pill.click()
    expect(post(alice, "Second loaf")).to_be_visible()
    expect(post(alice, "First loaf")).to_be_visible()
    expect(pill).to_be_hidden()
    expect(badge(alice, "feed")).to_be_hidden()
    alice.reload()
    expect(post(alice, "First loaf")).to_be_visible()
    expect(badge(alice, "feed")).to_be_hidden()


def test_likes_and_comments_appear_on_the_other_page(open_page: OpenPage) -> None:
    alice, bob = open_page("alice"), open_page("bob")
    text = "Fresh bread at nine."
    on_bobs, on_alices = older_post(bob, text), older_post(alice, text)
    liked = on_alices.get_by_role("button", name="Like")
    expect(liked).to_have_attribute("aria-pressed", "true")
    liked.click()
    expect(liked).to_have_attribute("aria-pressed", "false")
    expect(on_bobs.get_by_role("button", name="Like, 2 likes")).to_be_visible()
    liked.click()
    expect(on_bobs.get_by_role("button", name="Like, 3 likes")).to_be_visible()
    for page_post in (on_bobs, on_alices):
        page_post.get_by_role("button", name="3 comments").click()
        expect(page_post.locator(".comment")).to_have_count(3)
    on_alices.get_by_label("Your comment").fill("And a third for <my> neighbour")
    on_alices.get_by_role("button", name="Comment", exact=True).click()
    expect(on_bobs.locator(".comment").last).to_contain_text("And a third for <my> neighbour")
    expect(on_bobs.get_by_role("button", name="4 comments")).to_be_visible()
    expect(on_alices.get_by_label("Your comment")).to_have_value("")


def test_older_posts_come_on_request(open_page: OpenPage) -> None:
    carol = open_page("carol")
    expect(carol.locator("#posts > li")).to_have_count(10)
    expect(post(carol, "Hello, SocialHub!")).to_have_count(0)
    expect(older_post(carol, "Hello, SocialHub!")).to_be_visible()


def test_a_deleted_post_goes_away(open_page: OpenPage, person: Callable[[str], Person]) -> None:
    emma = person("emma")
    written = emma.post("posts", {"text": "Said too soon"})
    alice = open_page("alice")
    expect(post(alice, "Said too soon")).to_be_visible()
    emma.delete(f"posts/{written['id']}")
    expect(post(alice, "Said too soon")).to_have_count(0)


def test_a_post_is_shown_alone_with_its_comments(
    open_page: OpenPage, person: Callable[[str], Person]
) -> None:
    alice = open_page("alice")
    show(alice, "posts/post_1")
    alone = alice.locator("#single-post > li")
    expect(alone).to_contain_text("Hello, SocialHub!")
    expect(alone.locator(".comment")).to_have_count(2)
    person("dan").post("posts/post_1/comments", {"text": "Late, but here"})
    expect(alone.locator(".comment").last).to_contain_text("Late, but here")
    show(alice, "posts/post_999999")
    expect(alice.locator("#post-note")).to_contain_text("Post does not exist")
