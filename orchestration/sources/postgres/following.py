"""Following the replication log of a database: what changed lands, then the server may forget it.

Belongs here: when the log is read, where a pull goes on, when changes have been missed, permissions. Does not belong here:
slots (slots.py), what the log says (changes.py), the first copy of a table (live.py).

    slot → read → land + cursor (one transaction) → advance the slot → … → nothing left: the slot goes to the end of the log

So the slot never stands beyond the cursor. Where it does, or is gone, somebody else has read or dropped it, or Nexus was
restored from a backup: changes have been missed, which is told at every pull until the tables are copied anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg
from pydantic import BaseModel, ConfigDict, Field

from nexus.doctor import Finding
from nexus.errors import InputError, ProviderError
from orchestration.live.spec import Cursor, Page
from orchestration.sources.postgres import changes, slots, tables

ANEW = "copy the tables anew: nexus sources pull NAME --again"

#: How long a commit that is in the log may stay invisible, because it waits for a standby.
_VISIBLE_SECONDS = 30.0

#: `document(table, key, row)` is what lands; no row means that it is gone.
Document = Callable[[str, str, Any], bytes]


class Replication(BaseModel):
    """Where the log is read. The publication must contain the tables: CREATE PUBLICATION nexus FOR TABLE …"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slot: str = Field(default="nexus", pattern="^[a-z0-9_]{1,63}$")
    publication: str = "nexus"


def pages(
    connection: psycopg.Connection, options: Replication, names: Sequence[str], cursor: Cursor, size: int, document: Document
) -> Iterator[Page]:  # fmt: skip
    """What the log says of the tables `names` since the last pull, about `size` changes a page.

    The slot is made at the first pull, before any table is copied. Raises InputError where changes have been missed.
    """
    slot = _found(connection, options, cursor)
    after = cursor.get("lsn")
    if after:
        slots.advance(connection, slot.name, after)
    else:
        after = slot.confirmed
        yield Page({"lsn": after})
    keys_of = {r.name: r.key for r in (tables.describe(connection, name) for name in names)}
    while True:
        found = changes.read(connection, slot.name, options.publication, after, size, keys_of)
        if found.lsn == after:
            return
        _wait_until_visible(connection, found.xids)
        after = found.lsn
        documents = [d for name, keys in found.keys.items() for d in _present(connection, name, list(keys), document)]
        yield Page({"lsn": after}, documents, settle=True)
        slots.advance(connection, slot.name, after)
        if found.is_end:
            return


def check(connection: psycopg.Connection, options: Replication, names: Sequence[str]) -> Iterator[Finding]:
    """Whether the log of `names` (schema.table) can be read, and what becomes of the slot."""
    row = connection.execute(
        "select current_setting('wal_level'), (select rolreplication or rolsuper from pg_roles where rolname = current_user)"
    ).fetchone()
    level, may = row or ("", False)
    good = level == "logical"
    yield Finding("wal_level", "ok" if good else "fail", str(level), "" if good else "set wal_level = logical")
    yield Finding(
        "replication", "ok" if may else "fail", "allowed" if may else "not allowed",
        "" if may else "alter role … replication",
    )  # fmt: skip
    publication = f"publication {options.publication}"
    row = connection.execute(
        "select pubtruncate from pg_publication where pubname = %s", [options.publication]
    ).fetchone()
    if row and row[0]:
        yield Finding(
            publication, "warn", "publishes TRUNCATE, which is not followed",
            f"alter publication {options.publication} set (publish = 'insert, update, delete'); after a TRUNCATE pull --again",
        )  # fmt: skip
    published = {
        f"{s}.{t}"
        for s, t in connection.execute(
            "select schemaname, tablename from pg_publication_tables where pubname = %s", [options.publication]
        ).fetchall()
    }
    for missing in sorted(set(names) - published):
        yield Finding(
            publication, "fail", f"does not contain {missing}",
            f"create publication {options.publication} for table …, or alter publication … add table {missing}",
        )  # fmt: skip
    yield _check_slot(connection, options.slot)


def _check_slot(connection: psycopg.Connection, name: str) -> Finding:
    subject = f"slot {name}"
    try:
        slot = slots.find(connection, name)
    except InputError as error:
        return Finding(subject, "fail", error.message, error.remedy or "")
    if slot is None:
        return Finding(subject, "ok", "is not there: the first pull makes it, a later one misses it and says so")
    text = f"read up to {slot.confirmed}; {slot.kept_bytes / 2**20:,.0f} MiB of the server's log are kept for it"
    if slot.is_endangered:
        return Finding(
            subject, "warn", f"{text}, and it is lost at the server's next checkpoint",
            "pull now; then raise max_slot_wal_keep_size, or pull more often",
        )  # fmt: skip
    return Finding(subject, "ok", text)


def _found(connection: psycopg.Connection, options: Replication, cursor: Cursor) -> slots.Slot:
    """The slot, made if nothing was pulled yet. Raises InputError where it does not continue what has landed."""
    slot = slots.find(connection, options.slot)
    if slot is None:
        if cursor:
            raise InputError(f"the replication slot {options.slot!r} is gone, so changes have been missed", remedy=ANEW)
        return slots.make(connection, options.slot, options.publication)
    after = cursor.get("lsn")
    if after is None:
        return slot
    if slots.position(slot.confirmed) > slots.position(after):
        raise InputError(
            f"the replication slot {slot.name!r} was read up to {slot.confirmed}, but what has landed ends at {after}, so"
            " changes have been missed: Nexus was restored from a backup, or another reads this slot",
            remedy=f"give each Nexus a slot of its own, then {ANEW}",
        )
    row = connection.execute("select pg_is_in_recovery()").fetchone()
    last = slots.end(connection)
    # a standby that was restarted may stand a little earlier for a while
    if slots.position(last) < slots.position(after) and not (row and row[0]):
        raise InputError(
            f"the server's log ends at {last}, but was read up to {after}: the database was put back to an earlier state",
            remedy=ANEW,
        )
    return slot


def _wait_until_visible(connection: psycopg.Connection, xids: set[int]) -> None:
    """Returns once rows are read as these transactions left them. Raises ProviderError if that takes too long."""
    deadline = time.monotonic() + _VISIBLE_SECONDS
    while changes.still_open(connection, xids):
        if time.monotonic() > deadline:
            raise ProviderError(
                "a transaction of the replication log is not visible yet: its commit waits for a standby server",
                remedy="the next pull goes on from there; check synchronous_standby_names and the standby",
            )
        time.sleep(0.05)


def _present(
    connection: psycopg.Connection, name: str, keys: Sequence[tuple[str, ...]], document: Document
) -> Iterator[bytes]:
    """What rows are by now; those that are gone say so."""
    relation = tables.describe(connection, name)
    for start in range(0, len(keys), 500):
        there, gone = tables.rows(connection, relation, keys[start : start + 500])
        yield from (document(name, row["key"], row["row"]) for row in there)
        yield from (document(name, key, None) for key in gone)
