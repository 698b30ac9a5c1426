"""What PostgreSQL refuses because somebody else was there first, as an error of the tree.

Belongs here: SQLSTATEs that mean a conflict between two transactions. Does not belong here: a machine that is ill
(nexus/trouble.py), mistakes of ours (anything else).
"""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm.exc import StaleDataError

from nexus.errors import ConflictError, NexusError

#: What `app.append_events` raises when a stream is not where its writer thinks; a class of ours (`NX`).
STALE_STREAM = "NX409"
_CONFLICTS = {
    "23505": "it exists already",
    "23503": "something else refers to it, or what it refers to is gone",
    "40001": "another request changed the same at the same time",
    "40P01": "another request changed the same at the same time",
    "55P03": "another request holds it",
}


def refusal(error: BaseException) -> NexusError | None:
    """ConflictError for a lost race; None for anything else."""
    if isinstance(error, StaleDataError):
        return ConflictError("it was changed meanwhile", remedy="read it again and decide anew")
    if isinstance(error, DBAPIError):
        error = error.orig or error
    state = getattr(error, "sqlstate", None)
    if state == STALE_STREAM:
        told = str(error).rpartition(">: ")[2]
        return ConflictError(told, remedy="read it again and decide anew")
    told = _CONFLICTS.get(str(state), "")
    return ConflictError(told, remedy="send it again, or look at what is there") if told else None
