"""Who is connected where: nodes hold leases, sessions live as long as their node.

All functions are synchronous; times are by the database's clock, so that nodes
whose clocks differ agree on who is alive.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from datetime import timedelta
from uuid import UUID, uuid4

from django.db import IntegrityError, router, transaction
from django.db.models.functions import Now

from realtime.conf import conf
from realtime.errors import ErrorCode, RealtimeError
from realtime.models import Node, Session
from realtime.users import parse_user_id


def register_node(node_id: UUID, name: str) -> None:
    """Enter a server process in the registry, or renew its lease."""
    Node.objects.update_or_create(pk=node_id, defaults={"name": name, "renewed_at": Now()})


def renew_lease(node_id: UUID) -> bool:
    """Show that a node is alive. False: it was thought dead, its sessions are gone."""
    return Node.objects.filter(pk=node_id).update(renewed_at=Now()) == 1


def end_node(node_id: UUID) -> None:
    """Take a node and its sessions off the registry."""
    Node.objects.filter(pk=node_id).delete()


def sweep() -> int:
    """Delete the nodes whose lease has run out, with their sessions.

    Returns:
        How many there were.
    """
    lease = timedelta(seconds=conf().LEASE_SECONDS)
    dead = Node.objects.filter(renewed_at__lt=Now() - lease)
    if not dead.exists():  # keeps an idle SQLite free of write transactions
        return 0
    return dead.delete()[1].get(Node._meta.label, 0)


class NodeLostError(Exception):
    """This node is not in the registry: it was thought dead and swept."""


def open_session(
    user_id: str, node_id: UUID, address: str, *, session_id: UUID | None = None
) -> UUID:
    """Take one of the user's slots; the limit holds exactly, over all nodes.

    Args:
        session_id: the id that the session had, when it is opened again after
            its node was thought dead.

    Raises:
        RealtimeError: MAX_CONNECTIONS, every slot is taken by a living node.
        NodeLostError: the node has to be registered again first.
    """
    key = parse_user_id(user_id)
    limit = conf().MAX_CONNECTIONS
    # Each failed attempt means that somebody else took a slot: it cannot go on.
    for _ in range(2 * limit + 2):
        taken = set(Session.objects.filter(user_id=key).values_list("slot", flat=True))
        free = [slot for slot in range(limit) if slot not in taken]
        if not free:
            if sweep():
                continue
            break
        session = Session(
            id=session_id or uuid4(),
            user_id=key,
            slot=random.choice(free),  # any will do; the same for all would collide
            node_id=node_id,
            address=address,
        )
        try:
            with transaction.atomic(using=router.db_for_write(Session)):
                session.save(force_insert=True)
        except IntegrityError:
            if not Node.objects.filter(pk=node_id).exists():
                raise NodeLostError from None
        else:
            return session.pk
    raise RealtimeError(
        ErrorCode.MAX_CONNECTIONS,
        f"At most {limit} connections per user: close one first",
        retry_after=int(conf().LEASE_SECONDS),
    )


def close_sessions(session_ids: Collection[UUID]) -> None:
    """Free the sessions' slots."""
    Session.objects.filter(pk__in=session_ids).delete()
