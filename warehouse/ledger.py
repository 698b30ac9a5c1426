"""The ledger in Postgres (schema `nexus`): what landed, from which file, what was published.

Belongs here: connecting, migrating the schema, locks, and the statements that several modules share.
Does not belong here: rows of business data (lake and warehouse).

A batch counts once its row says `landed`; that one transaction is the moment at which it exists.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Lock
from typing import Any

import psycopg
from psycopg.rows import dict_row

from nexus.errors import ConflictError
from nexus.postgres import dsn
from nexus.settings import Settings

Connection = psycopg.Connection[dict[str, Any]]
_MIGRATIONS = Path(__file__).parent / "migrations"
_migrated: set[str] = set()
_mutex = Lock()


@contextmanager
def connect(settings: Settings) -> Iterator[Connection]:
    """A connection in autocommit mode to the migrated ledger; use `with c.transaction()` for what belongs together."""
    url = dsn(settings)
    # every time is UTC, whatever the server thinks
    with psycopg.connect(
        url,
        autocommit=True,
        row_factory=dict_row,
        options="-c search_path=nexus -c timezone=UTC",
        application_name=f"nexus {os.getpid()}",
    ) as connection:
        with _mutex:
            if url not in _migrated:
                migrate(connection)
                _migrated.add(url)
        yield connection


def migrate(connection: Connection) -> list[str]:
    """Applies the numbered files of `migrations/` that this database has not seen; returns their names."""
    applied = []
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", [_key("nexus.warehouse.migrate")])
        connection.execute("create schema if not exists nexus")
        connection.execute(
            "create table if not exists nexus.warehouse_migration ("
            " number int primary key, name text not null, sha256 text not null, applied_at timestamptz default now())"
        )
        seen = {row["number"] for row in connection.execute("select number from nexus.warehouse_migration")}
        for path in sorted(_MIGRATIONS.glob("[0-9]*.sql")):
            number = int(path.name[:4])
            if number in seen:
                continue
            sql = path.read_text()
            connection.execute(sql.encode())
            connection.execute(
                "insert into nexus.warehouse_migration (number, name, sha256) values (%s, %s, %s)",
                [number, path.stem, hashlib.sha256(sql.encode()).hexdigest()],
            )
            applied.append(path.stem)
    return applied


def migrations() -> list[str]:
    """Names of all migrations that this code knows, in their order."""
    return [path.stem for path in sorted(_MIGRATIONS.glob("[0-9]*.sql"))]


def _key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


@contextmanager
def locked(connection: Connection, name: str, *, wait: bool = True, holder: str = "another process") -> Iterator[None]:
    """Holds the advisory lock `name` for this connection; it falls with the process, so it can never be stale.

    Raises ConflictError when `wait` is false and somebody else holds it.
    """
    if wait:
        connection.execute("select pg_advisory_lock(%s)", [_key(name)])
    else:
        row = connection.execute("select pg_try_advisory_lock(%s) as ok", [_key(name)]).fetchone()
        if not row or not row["ok"]:
            raise ConflictError(f"{name} is held by {holder}", remedy="wait until it has finished, then try again")
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("select pg_advisory_unlock(%s)", [_key(name)])


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock: the connection's name for itself, PostgreSQL's process of it, for how long it has been connected."""

    name: str
    backend: int
    since: timedelta


def held_by(connection: Connection, name: str) -> Holder | None:
    """Who holds the advisory lock `name`, in whichever schema `connection` is."""
    key = _key(name) % 2**64
    row = connection.execute(
        """
        select application_name as name, pid as backend, clock_timestamp() - backend_start as since
        from pg_catalog.pg_locks join pg_catalog.pg_stat_activity using (pid)
        where locktype = 'advisory' and granted and objsubid = 1 and classid::bigint = %s and objid::bigint = %s
          and pg_locks.database = (select oid from pg_catalog.pg_database where datname = current_database())
        """,
        [key >> 32, key & 0xFFFFFFFF],
    ).fetchone()
    return Holder(**row) if row else None


@dataclass(frozen=True, slots=True)
class Part:
    """One Parquet file of a landed batch; `seq` is the order in which batches were committed."""

    batch_id: str
    seq: int
    source: str
    table: str
    path: Path
    rows: int


def parts(
    connection: Connection,
    settings: Settings,
    source: str | None = None,
    table: str | None = None,
    workspace: str | None = None,
    part: str = "raw",
) -> list[Part]:
    """Files of committed batches in the order of their commits."""
    rows = connection.execute(
        """
        select p.batch_id, b.seq, p.source, p.table_name, p.path, p.row_count
        from batch_part p join batch b using (batch_id)
        where b.status = 'landed' and p.part = %(part)s
          and (%(source)s::text is null or p.source = %(source)s)
          and (%(table)s::text is null or p.table_name = %(table)s)
          and (%(workspace)s::text is null or b.workspace_id = %(workspace)s)
        order by b.seq, p.path
        """,
        {"part": part, "source": source, "table": table, "workspace": workspace},
    ).fetchall()
    return [
        Part(r["batch_id"], r["seq"], r["source"], r["table_name"], settings.lake / r["path"], r["row_count"])
        for r in rows
    ]


def batches(connection: Connection, limit: int = 50) -> list[dict[str, Any]]:
    """Newest attempts first, for people and pages."""
    return connection.execute("select * from batch order by started_at desc limit %s", [limit]).fetchall()
