"""What PostgreSQL refuses because somebody else was there first, or because no text may hold it, as an error of the tree.

Belongs here: SQLSTATEs that mean a conflict between two transactions, or a text that cannot be kept. Does not belong here: a
machine that is ill (nexus/trouble.py), mistakes of ours (anything else).
"""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm.exc import StaleDataError

from nexus.errors import ConflictError, InputError, NexusError

#: What `app.append_events` raises when a stream is not where its writer thinks; a class of ours (`NX`).
STALE_STREAM = "NX409"
#: What refuses an event that is to begin a stream (nexus/events/first.py).
_BEGUN = "uq_events_organisation_id_stream_sequence"
_CONFLICTS = {
    "23505": "it exists already",
    "23503": "something else refers to it, or what it refers to is gone",
    "40001": "another request changed the same at the same time",
    "40P01": "another request changed the same at the same time",
    "55P03": "another request holds it",
}
#: A text with U+0000, as a value and within JSON.
_UNKEPT = {"22021", "22P05"}


def refusal(error: BaseException) -> NexusError | None:
    """ConflictError for a lost race, InputError for a text that PostgreSQL cannot keep; None for anything else."""
    if isinstance(error, StaleDataError):
        return ConflictError("it was changed meanwhile", remedy="read it again and decide anew")
    if isinstance(error, DBAPIError):
        error = error.orig or error
    state = getattr(error, "sqlstate", None)
    if state == STALE_STREAM:
        told = str(error).rpartition(">: ")[2]
        return ConflictError(told, remedy="read it again and decide anew")
    if getattr(error, "constraint_name", None) == _BEGUN:
        return ConflictError("its history has begun already", remedy="read it again and decide anew")
    if state in _UNKEPT:
        return InputError("a text has the character U+0000, which cannot be kept", remedy="leave it out")
    told = _CONFLICTS.get(str(state), "")
    return ConflictError(told, remedy="send it again, or look at what is there") if told else None
