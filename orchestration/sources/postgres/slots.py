"""The replication slot: where a server keeps its log for Nexus, and up to where it may forget it.

Belongs here: finding, making and advancing a slot, positions in the log. Does not belong here: what the log says
(changes.py), when it is read and what a lost slot means for what has landed (following.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import sql

from nexus.errors import InputError

PLUGIN = "pgoutput"

#: The end of what can be read of the log. What is written but not yet flushed is left to the next time.
_END = sql.SQL("case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end")


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot that can be read. `confirmed` is the position up to which it has given up changes."""

    name: str
    confirmed: str
    is_endangered: bool  # more log is kept for it than max_slot_wal_keep_size allows
    kept_bytes: int


def find(connection: psycopg.Connection, name: str) -> Slot | None:
    """The slot, or None where there is none. Raises InputError for one that can never be read, and says why."""
    row = connection.execute(
        # as JSON, because columns differ between versions
        sql.SQL(
            "select to_jsonb(s), current_database(), pg_wal_lsn_diff({}, s.restart_lsn)::bigint"
            " from pg_replication_slots s where slot_name = %s"
        ).format(_END),
        [name],
    ).fetchone()
    if row is None:
        return None
    slot, database, kept = row
    if slot["plugin"] != PLUGIN:
        raise InputError(
            f"slot {name!r} speaks {slot['plugin'] or 'no plugin'}, not {PLUGIN}",
            remedy="name another slot in `replication`",
        )
    if slot["database"] != database:
        raise InputError(
            f"slot {name!r} belongs to database {slot['database']!r}, not to {database!r}",
            remedy="name another slot in `replication`: a server has each name once",
        )
    if slot.get("wal_status") == "lost" or slot.get("invalidation_reason") or slot.get("conflicting"):
        why = slot.get("invalidation_reason") or (
            "it conflicted with recovery" if slot.get("conflicting") else "its log outgrew max_slot_wal_keep_size"
        )
        raise InputError(
            f"the server has invalidated the replication slot {name!r} ({why}), so changes have been missed",
            remedy=f"select pg_drop_replication_slot('{name}'), then copy the tables anew: nexus sources pull NAME --again",
        )
    return Slot(name, slot["confirmed_flush_lsn"], slot.get("wal_status") == "unreserved", kept or 0)


def make(connection: psycopg.Connection, name: str, publication: str) -> Slot:
    """A new slot: it keeps what commits from now on. Raises InputError where the server does not allow it."""
    # a slot never sees a publication that is younger than it is
    if not connection.execute("select from pg_publication where pubname = %s", [publication]).fetchall():
        raise InputError(
            f"there is no publication {publication!r}",
            remedy=f"create publication {publication} for table … with (publish = 'insert, update, delete')",
        )
    try:
        connection.execute("select pg_create_logical_replication_slot(%s, %s)", [name, PLUGIN])
    except psycopg.Error as error:
        raise InputError(
            f"the replication slot {name!r} cannot be made: {str(error).splitlines()[0]}",
            remedy="set wal_level = logical on the server and give the role REPLICATION; or use watermarks",
        ) from error
    made = find(connection, name)
    assert made is not None
    return made


def advance(connection: psycopg.Connection, name: str, lsn: str) -> None:
    """Lets the server forget what precedes `lsn`, because it has landed."""
    connection.execute(
        "select pg_replication_slot_advance(slot_name, %s::pg_lsn) from pg_replication_slots"
        " where slot_name = %s and confirmed_flush_lsn < %s::pg_lsn",
        [lsn, name, lsn],
    )


def end(connection: psycopg.Connection) -> str:
    """The end of what can be read of the log by now."""
    row = connection.execute(sql.SQL("select ({})::text").format(_END)).fetchone()
    assert row is not None
    return str(row[0])


def position(lsn: str) -> int:
    """An LSN as a number, to be compared."""
    high, _, low = lsn.partition("/")
    return (int(high, 16) << 32) + int(low, 16)
