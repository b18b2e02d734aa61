"""What users do not want to be notified of: a type, or what goes on under a key.

The site calls these through `notifications.services`.
"""

from __future__ import annotations

from typing import Any

from notifications import arguments, inboxes
from notifications.events import CHANNEL, Mutes
from notifications.models import Mute
from realtime import log
from realtime.errors import invalid
from realtime.users import parse_user_id

MAX_MUTES = 1000


def mutes(user_id: str) -> Mutes:
    """All that the user has muted."""
    rows = Mute.objects.filter(user_id=parse_user_id(user_id)).order_by("type", "key")
    return _as_state(list(rows))


def _as_state(rows: list[Mute]) -> Mutes:
    return Mutes(
        types=[row.type for row in rows if row.type], keys=[row.key for row in rows if row.key]
    )


def mute(user_id: str, *, type: str = "", key: str = "") -> Mutes:
    """Write this user no more notifications of a type, or under a key.

    What there is already stays. Muting again changes nothing.

    Args:
        type: as `like`; or
        key: as `conversation:conv_7`.

    Returns:
        All that the user has muted now.

    Raises:
        RealtimeError: INVALID_MESSAGE, the text cannot be a type or key, or the
            user has muted 1,000 already.
    """
    return _change(user_id, type, key, muted=True)


def unmute(user_id: str, *, type: str = "", key: str = "") -> Mutes:
    """Undo `mute`; what was not muted stays so."""
    return _change(user_id, type, key, muted=False)


def _change(user_id: str, type: str, key: str, *, muted: bool) -> Mutes:
    arguments.check_mute(type, key)
    user = parse_user_id(user_id)
    with inboxes.atomic():
        # The same lock as notify's: what is told afterwards is what is done afterwards.
        inboxes.lock([user])
        rows = {(row.type, row.key): row for row in _of(user)}
        if muted == ((type, key) in rows):
            return _as_state(list(rows.values()))
        if not muted:
            rows.pop((type, key)).delete()
        elif len(rows) < MAX_MUTES:
            Mute.objects.create(user_id=user, type=type, key=key)
        else:
            raise invalid(f"At most {MAX_MUTES} can be muted: unmute something")
        state = _as_state(list(_of(user)))
        log.append("mutes_changed", state, channel=CHANNEL, recipients=[user])
    return state


def _of(user: Any) -> Any:
    return Mute.objects.filter(user_id=user).order_by("type", "key")
