"""Registered texts: put together in the language of whoever reads them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils.translation import gettext_lazy, ngettext_lazy

from notifications import texts
from notifications.models import Notification
from notifications.services import notify, notify_coalesced, notify_many
from tests.messaging.talk import events
from tests.people import token_for

german = pytest.mark.options(USER_LANGUAGE="tests.notifications.hooks.language")
REMOVED = {"en": "This content was removed", "de": "Dieser Inhalt wurde entfernt"}


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "_texts", dict(texts._texts))
    # Of the app's own catalogue, which every site has.
    texts.register_text("removed", gettext_lazy("This content was removed"))
    texts.register_text("greeting", "%(actor)s: %(words)s")


def told(user: Any) -> list[str]:
    return [payload["message"] for _, payload in events(user, "notification")]


def listed(user: Any) -> list[str]:
    page = Client().get(
        "/api/v1/notifications", headers={"Authorization": f"Bearer {token_for(user)}"}
    )
    return [notification["message"] for notification in page.json()["results"]]


@german
def test_each_reads_it_in_their_own_language_alike_live_and_listed(
    alice: Any, bob: Any, carol: Any
) -> None:
    notify_many([alice, bob, carol], "removed")
    assert told(alice) == listed(alice) == [REMOVED["en"]]
    assert told(bob) == listed(bob) == [REMOVED["de"]]
    assert told(carol) == listed(carol) == [REMOVED["en"]], "the site's, where theirs is none"


@german
def test_a_coalesced_notification_is_translated_too(bob: Any) -> None:
    notify_coalesced([bob], "removed", key="news")
    assert told(bob) == [REMOVED["de"]]


def test_the_actor_s_name_is_the_one_they_have_when_it_is_read(alice: Any, bob: Any) -> None:
    notify(alice, "greeting", params={"words": "100 % hello"}, actor=bob)
    assert told(alice) == ["Bob: 100 % hello"]
    field = "first_name" if hasattr(bob, "first_name") else "name"
    type(bob).objects.filter(pk=bob.pk).update(**{field: "Robert"})
    assert listed(alice) == ["Robert: 100 % hello"]


@german
def test_without_an_actor_it_was_somebody(bob: Any) -> None:
    notify(bob, "greeting", params={"words": "Hallo"})
    assert told(bob) == ["Jemand: Hallo"]


def test_a_text_chooses_between_one_and_many(alice: Any) -> None:
    texts.register_text("likes", ngettext_lazy("%(count)d like", "%(count)d likes", "count"))
    for count in (1, 2):
        notify(alice, "likes", params={"count": count})
    assert told(alice) == ["1 like", "2 likes"]


def test_params_that_do_not_fit_are_refused_and_nothing_is_written(alice: Any) -> None:
    with pytest.raises(ValueError, match="params do not fit the text of 'greeting'"):
        notify(alice, "greeting", params={"wrods": "Hello"})
    with pytest.raises(ValueError, match="not both"):
        notify(alice, "greeting", "Hello", params={"words": "Hello"})
    assert not Notification.objects.exists()


def test_an_old_notification_stays_readable_when_its_text_has_changed(alice: Any) -> None:
    notify(alice, "greeting", params={"words": "Hello"})
    texts._texts["greeting"] = "%(another_parameter)s"
    assert listed(alice) == ["Somebody: Hello"]
    del texts._texts["greeting"]
    assert listed(alice) == ["Somebody: Hello"]


def test_a_type_has_one_text() -> None:
    with pytest.raises(ValueError, match="another text"):
        texts.register_text("greeting", "Good morning")


def test_of_a_deleted_actor_nothing_is_left_to_read(alice: Any, bob: Any) -> None:
    notify(alice, "greeting", params={"words": "Hello"}, actor=bob)
    notify(alice, "like", "Bob liked it", actor=bob, extra={"name": "Bob"})
    bob.delete()
    assert listed(alice) == [REMOVED["en"]] * 2
    assert told(alice) == []
    assert not Notification.objects.exclude(extra={}).exists()
