"""Who is named in a text, as `@username`."""

from __future__ import annotations

import re

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser

from realtime.users import describe

# Not within a word: an e-mail address mentions nobody.
_MENTION = re.compile(r"(?<![\w@.+-])@([\w.+-]+)")
_PUNCTUATION = ".+-"


def mentioned_users(text: str) -> list[AbstractBaseUser]:
    """The active users whom `text` mentions, each once.

    A name is what other people see (`DESCRIBE_USER`). Where users log in by
    e-mail they have no name to be mentioned by, and nobody is.
    """
    model = get_user_model()
    if model.get_email_field_name() == model.USERNAME_FIELD:
        return []
    # A dot may end the sentence, or belong to the name: the longer name wins.
    readings = [(name, name.rstrip(_PUNCTUATION)) for name in _MENTION.findall(text)]
    names = {name for reading in readings for name in reading if name}
    if not names:
        return []
    users = model._default_manager.filter(**{f"{model.USERNAME_FIELD}__in": names})
    known = {describe(user)["username"]: user for user in users if user.is_active}
    found = (known.get(longer) or known.get(shorter) for longer, shorter in readings)
    return list({user.pk: user for user in found if user is not None}.values())
