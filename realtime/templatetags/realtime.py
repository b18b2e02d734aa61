"""`{% realtime_token %}`: an access token for the user who is logged in."""

from __future__ import annotations

from typing import Any

from django import template
from rest_framework_simplejwt.tokens import AccessToken

register = template.Library()


@register.simple_tag(takes_context=True)
def realtime_token(context: dict[str, Any]) -> str:
    """The request's user's access token; empty for somebody who is not logged in.

    Pages with it must not be cached for others: mark them `never_cache`.
    """
    user = context["request"].user
    return str(AccessToken.for_user(user)) if user.is_authenticated else ""
