"""What the machine did to us, in words: a full disk, a PostgreSQL that went away.

Belongs here: recognising such troubles in the exceptions of any library, however they are wrapped, and naming the remedy.
Does not belong here: what a caller gave wrong. Edges (command line, Dagster, HTTP) ask here before they call something
a fault of the program; nothing else catches such exceptions.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator

from nexus.errors import MachineError

#: Numbers of the errors by which a file system says that nothing more fits.
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FULL_TEXTS = (
    "no space left on device",
    "disk quota exceeded",
    "file too large",
    "database or disk is full",  # SQLite
    "max_temp_directory_size",  # DuckDB: what it wants to put aside does not fit on the disk
)
_GONE_TEXTS = (
    "server closed the connection unexpectedly",
    "the connection is closed",
    "the connection is lost",
    "connection already closed",
    "connection not open",
    "connection is closed",  # asyncpg
    "connection was closed",
    "cannot switch to state",  # asyncpg, of a connection that was cut in the middle of something
    "queuepool limit",  # every connection is in use, and stays so
    "connection is bad",
    "connection failed",
    "connection to server",
    "terminating connection",
    "could not connect to server",
    "too many clients",
    "too many connections for",  # a role, or a database
    "remaining connection slots",
    "the database system is",  # starting up, shutting down, in recovery mode
)
_DRIVERS = ("psycopg", "psycopg2", "sqlalchemy", "asyncpg")


def machine_error(error: BaseException) -> MachineError | None:
    """The trouble behind `error` as an error with a remedy; None if the machine is not to blame."""
    for cause in _chain(error):
        if isinstance(cause, MachineError):
            return cause
        if isinstance(cause, OSError) and cause.errno in FULL:
            where = f" at {cause.filename}" if cause.filename else ""
            return _full(f"{cause.strerror}{where}")
        if found := trouble_in(str(cause), driver=type(cause).__module__.partition(".")[0] in _DRIVERS):
            return found
    return None


def trouble_in(text: str, *, driver: bool = False) -> MachineError | None:
    """The same for what a library hands on as text only. `driver` says that a database's driver wrote it."""
    lower = text.lower()
    if any(sign in lower for sign in _FULL_TEXTS):
        return _full(_line(text, _FULL_TEXTS))
    if driver and any(sign in lower for sign in _GONE_TEXTS):
        return MachineError(
            f"PostgreSQL went away or cannot be reached: {_line(text, _GONE_TEXTS)}",
            remedy="run the same again: the embedded server is started when it is needed, and what was not finished "
            "has not happened; if it stays away, `nexus doctor` says why",
        )
    return None


def _full(told: str) -> MachineError:
    return MachineError(
        f"the disk is full: {told}",
        remedy="free some space (`nexus doctor` shows how much there is), then run the same again; what was not "
        "finished has not happened",
    )


def _line(text: str, signs: tuple[str, ...]) -> str:
    """The line of `text` that says it."""
    lines = [line.strip() for line in text.splitlines() if any(sign in line.lower() for sign in signs)]
    return (lines or [text.strip()])[0][:400]


def _chain(error: BaseException) -> Iterator[BaseException]:
    """`error` and what led to it."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        original = getattr(one, "orig", None)  # SQLAlchemy
        waiting += [
            original if isinstance(original, BaseException) else None,
            one.__cause__,
            None if one.__suppress_context__ else one.__context__,
        ]
