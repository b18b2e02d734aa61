"""What must reach open connections when rights end, on every node and in order.

Control events: logged with everything else, so they need no Redis and cannot
overtake or be overtaken; acted on by the nodes, never delivered.
"""

from __future__ import annotations

from django.db import transaction

from realtime import log
from realtime.errors import CloseCode

# The reason that a client is given when an operator has ended its connection.
ENDED_BY_OPERATOR = "ended_by_operator"


def close_user(user_key: object, code: CloseCode, reason: str, *, connection_id: str = "") -> None:
    """Close the connections of a user on every node, once this is committed.

    Args:
        user_key: the user's primary key.
        code: the close code; 4500 and above keep the clients from coming back.
        reason: for the `disconnect` frame, in snake_case.
        connection_id: only this socket. Nodes of a version that does not know this yet
            close all of the user's.
    """
    payload = {"code": int(code), "reason": reason}
    with transaction.atomic(using=log.database_alias()):
        log.append(
            log.CLOSE_USER,
            payload | ({"connection_id": connection_id} if connection_id else {}),
            recipients=[user_key],
            control=True,
        )


def leave_channel(user_key: object, channel: str) -> None:
    """Unsubscribe a user's open connections from `channel` on every node.

    Called in the transaction in which the right ends.
    """
    log.append(log.LEAVE_CHANNEL, {"channel": channel}, recipients=[user_key], control=True)
