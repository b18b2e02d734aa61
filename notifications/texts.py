"""What notifications say, in the language of whoever reads them.

A text is registered once for its type, as in an app's `commands.py`:

    from django.utils.translation import gettext_lazy as _

    register_text("like", _("%(actor)s liked your post"))

and `notify(author, "like", actor=user)` stores the type and the parameters. The
text is put together when it is sent, or listed: in the language that the hook
`USER_LANGUAGE` gives, and with the name that the actor has by then.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from notifications.models import Notification
from realtime.conf import Options, conf, hook
from realtime.users import describe

logger = logging.getLogger("notifications.texts")

SOMEBODY = _("Somebody")
REMOVED = _("This content was removed")

_texts: dict[str, str | Promise] = {}


def register_text(type: str, text: str | Promise) -> None:
    """Give the text of all notifications of a type that are sent without a message.

    Args:
        text: with places for parameters, as `%(actor)s` and `%(title)s`; the
            actor's display name is always there. Lazy, to be translated;
            `ngettext_lazy(…, …, "count")` chooses by the parameter `count`.

    Raises:
        ValueError: the type has another text already.
    """
    if type in _texts and _texts[type] != text:
        raise ValueError(f"Notifications of type {type!r} have another text already")
    _texts[type] = text


def compose(type: str, params: Mapping[str, Any], actor: AbstractBaseUser | None) -> str:
    """The text of a new notification, in the site's language.

    Raises:
        ValueError: the type has no text, or the text wants other parameters.
    """
    if type not in _texts:
        raise ValueError(
            f"notify: give a message, or register a text for {type!r} with "
            "notifications.texts.register_text"
        )
    with translation.override(settings.LANGUAGE_CODE):
        try:
            return _fill(type, params, actor)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"notify: params do not fit the text of {type!r}: {error!r}") from None


def render(notification: Notification, language: str | None) -> str:
    """What the notification says in this language; None for the site's."""
    if notification.params is None or notification.type not in _texts:
        return notification.message
    with translation.override(language or settings.LANGUAGE_CODE):
        try:
            return _fill(notification.type, notification.params, notification.actor)
        except (KeyError, TypeError, ValueError):
            # The text has changed, or a translation is broken: old ones stay readable.
            logger.warning("The text of %r does not fit %s", notification.type, notification)
            return notification.message


def _fill(type: str, params: Mapping[str, Any], actor: AbstractBaseUser | None) -> str:
    name = describe(actor)["display_name"] if actor is not None else SOMEBODY
    return str(_texts[type] % {**params, "actor": name})


def language_of(user: Any) -> str:
    """The language in which a user reads; the site's, if the hook's answer is no language."""
    language = hook("USER_LANGUAGE")(user)
    return language if translation.check_for_language(language) else settings.LANGUAGE_CODE


def languages_of(keys: Collection[Any]) -> dict[Any, str]:
    """The languages of these users; one query, and none where the site has no hook."""
    if not keys or conf().USER_LANGUAGE == Options.USER_LANGUAGE:
        return {}
    users = get_user_model()._default_manager.in_bulk(list(keys))
    return {key: language_of(user) for key, user in users.items()}
