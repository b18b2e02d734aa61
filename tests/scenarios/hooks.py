"""What a site says of its users that Django's own do not have."""

from __future__ import annotations

from typing import Any

from realtime.conf import UserDescription
from realtime.users import describe_user


def with_picture(user: Any) -> UserDescription:
    """As the default, with an address of a picture."""
    return {**describe_user(user), "avatar_url": f"https://pictures.example.org/{user.pk}"}
