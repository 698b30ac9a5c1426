"""What is to be made of an error that nobody had foreseen while a file landed.

Belongs here: telling what may pass by itself from what the file brings about each time, and the words for the latter.
Does not belong here: errors that say themselves what they are (nexus/errors.py), putting files away (taking.py).
"""

from __future__ import annotations

import duckdb
import psycopg

from nexus.errors import InputError, Transient
from nexus.trouble import machine_error

_PASSES = (
    Transient, OSError, MemoryError, psycopg.Error,
    duckdb.IOException, duckdb.OutOfMemoryException, duckdb.ConnectionException, duckdb.InterruptException,
)  # fmt: skip
#: The database answers, and refuses what it was given.
_OF_THE_DATA = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded)


def may_pass(error: Exception) -> bool:
    """Whether the same file may land at the next try: a lock, a full disk, a database that is away."""
    if isinstance(error, _OF_THE_DATA):
        return False
    return isinstance(error, _PASSES) or machine_error(error) is not None


def refusal(name: str, error: Exception) -> InputError:
    """Why `name` is put into `failed`, for whoever dropped it."""
    said = f"{type(error).__name__}: {str(error)[:1000]}".replace("\0", "\\u0000")
    return InputError(
        f"{name} could not be landed, because of an error that nobody had foreseen ({said})",
        remedy="report this as a defect of Nexus, with the traceback that the log has at the time above.",
    )
