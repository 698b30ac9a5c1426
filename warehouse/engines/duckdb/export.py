"""Published schemas of the build file into a new file.

Belongs here: copying tables. Does not belong here: names, fsync, switching (warehouse/publish.py).
Tables are copied rather than the file, so that raw rows and free space of old builds stay behind.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import duckdb

from warehouse.land.sql import literal, quoted


def export(
    connection: duckdb.DuckDBPyConnection, target: Path, schemas: Sequence[str], only: Sequence[str] | None = None
) -> list[str]:
    """Tables as tables; views too become tables, because what they read is not published."""
    wanted = connection.execute(
        """select table_schema, table_name from information_schema.tables
           where table_catalog = current_database() and list_contains($1::varchar[], table_schema)
             and (table_type = 'BASE TABLE' or table_schema in ('marts', 'features', 'metrics'))
             and table_name not like '%\\_\\_dbt\\_%' escape '\\'
           order by 1, 2""",
        [list(schemas)],
    ).fetchall()
    wanted = [(schema, name) for schema, name in wanted if only is None or name in only]
    connection.execute(f"attach {literal(str(target))} as candidate")
    try:
        connection.execute("begin")
        for schema in sorted({schema for schema, _ in wanted}):
            connection.execute(f"create schema candidate.{quoted(schema)}")
        for schema, name in wanted:
            relation = f"{quoted(schema)}.{quoted(name)}"
            connection.execute(f"create table candidate.{relation} as from {relation}")
        connection.execute("commit")
        connection.execute("checkpoint candidate")
    except duckdb.Error:
        # a full disk, say: what failed must not be hidden by a detach that cannot be done inside a transaction
        with contextlib.suppress(duckdb.Error):
            connection.execute("rollback")
            connection.execute("detach candidate")
        raise
    connection.execute("detach candidate")
    return [f"{schema}.{name}" for schema, name in wanted]
