"""Who may come in: tokens, their users, and a slot for each, for many at once.

After a node's end, or a proxy's, thousands come at the same moment. One by one
each would cost as many queries and round trips as a batch does for all.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from realtime import sessions
from realtime.authentication import Identity, authenticate_all
from realtime.sessions import NodeLostError, Wanted

BATCH = 100


@dataclass(frozen=True, slots=True)
class Applicant:
    """A handshake: what it shows, and where it comes from."""

    token: str | None
    address: str


@dataclass(frozen=True, slots=True)
class Admission:
    """Who has come in.

    Attributes:
        session_id: the slot; None if this node was not in the registry: it has to be
            registered again first, then a slot taken.
    """

    identity: Identity
    session_id: UUID | None


def admit(node_id: UUID, applicants: list[Applicant]) -> list[Admission | Exception]:
    """Check each and take a slot for it.

    Returns:
        For each, in this order, its admission or why there is none: a RealtimeError as
        `authenticate` and `sessions.open_session` raise.
    """
    identities = authenticate_all([applicant.token for applicant in applicants])
    wanted = [
        Wanted(identity.user_id, applicant.address)
        for identity, applicant in zip(identities, applicants, strict=True)
        if isinstance(identity, Identity)
    ]
    opened = iter(sessions.open_sessions(wanted, node_id))
    return [
        identity if isinstance(identity, Exception) else _admission(identity, next(opened))
        for identity in identities
    ]


def _admission(identity: Identity, session: UUID | Exception) -> Admission | Exception:
    if isinstance(session, NodeLostError):
        return Admission(identity, None)
    return session if isinstance(session, Exception) else Admission(identity, session)
