"""Published schemas of the build file into a new file.

Belongs here: copying tables. Does not belong here: names, fsync, switching (warehouse/publish.py).
Tables are copied rather than the file, so that raw rows and free space of old builds stay behind.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from warehouse.land.sql import literal, quoted

if TYPE_CHECKING:
    from warehouse.journal import Delta


def relations(connection: duckdb.DuckDBPyConnection, schemas: Sequence[str]) -> list[str]:
    """Tables, and views of marts, features and metrics: they become tables, because what they read is not published."""
    rows = connection.execute(
        """select table_schema, table_name from information_schema.tables
           where table_catalog = current_database() and list_contains($1::varchar[], table_schema)
             and (table_type = 'BASE TABLE' or table_schema in ('marts', 'features', 'metrics'))
             and table_name not like '%\\_\\_dbt\\_%' escape '\\'
           order by 1, 2""",
        [list(schemas)],
    ).fetchall()
    return [f"{schema}.{name}" for schema, name in rows]


def counts(connection: duckdb.DuckDBPyConnection, relations: Collection[str]) -> dict[str, int]:
    found = {}
    for relation in relations:
        row = connection.execute(f"select count(*) from {_quoted(relation)}").fetchone()
        found[relation] = int(row[0]) if row else 0
    return found


def export(
    connection: duckdb.DuckDBPyConnection, target: Path, relations: Sequence[str], deltas: Mapping[str, Delta]
) -> None:
    """See `warehouse.engines.Session.export`."""
    connection.execute(f"attach {literal(str(target))} as candidate")
    try:
        connection.execute("begin")
        for schema in sorted({relation.partition(".")[0] for relation in relations}):
            connection.execute(f"create schema candidate.{quoted(schema)}")
        if deltas:
            connection.execute("create table candidate.main._written (relation text, workspace_id text, key text)")
        for relation in relations:
            name, some = _quoted(relation), ""
            if relation in deltas:
                mine = f"select {literal(relation)} as relation, workspace_id, key from ({deltas[relation].keys})"
                connection.execute(f"insert into candidate.main._written {mine}")
                written = f"select workspace_id, key from candidate.main._written where relation = {literal(relation)}"
                # found by their keys alone, so that of rows which stay as they are no other column is read
                keys = f"(workspace_id, cast({quoted(deltas[relation].key)} as varchar))"
                some = f" where rowid in (select rowid from {name} where {keys} in ({written}))"
            connection.execute(f"create table candidate.{name} as from {name}{some}")
        connection.execute("commit")
        connection.execute("checkpoint candidate")
    except duckdb.Error:
        # a full disk, say: what failed must not be hidden by a detach that cannot be done inside a transaction
        with contextlib.suppress(duckdb.Error):
            connection.execute("rollback")
            connection.execute("detach candidate")
        raise
    connection.execute("detach candidate")


def _quoted(relation: str) -> str:
    return ".".join(quoted(word) for word in relation.split(".", 1))
