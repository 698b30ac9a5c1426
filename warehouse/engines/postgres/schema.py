"""Raw tables as the contracts want them, in PostgreSQL.

Belongs here: DDL made from `Table`. Does not belong here: rows.
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import Connection

from nexus.contracts import Kind, Table
from warehouse.engines.incoming import raw_columns
from warehouse.land.sql import quoted

POSTGRES_TYPE: dict[Kind, str] = {
    Kind.string: "text",
    Kind.integer: "bigint",
    Kind.decimal: "numeric(38,9)",
    Kind.boolean: "boolean",
    Kind.timestamp: "timestamp without time zone",
    Kind.date: "date",
    Kind.json: "text",
}
_STATE = """
    create schema if not exists raw;
    create table if not exists raw._loaded_batch (
        batch_id text, relation text, load_seq bigint, row_count bigint,
        loaded_at timestamp not null default (now() at time zone 'utc'), primary key (batch_id, relation))
"""


def ensure(connection: Connection, tables: Sequence[Table]) -> list[str]:
    """Creates missing tables and columns; a table with a column of another type is made anew, to be loaded again."""
    with connection.transaction():
        return _ensure(connection, tables)


def _ensure(connection: Connection, tables: Sequence[Table]) -> list[str]:
    connection.execute(_STATE)
    have: dict[str, dict[str, str]] = {}
    for relation, column, kind in connection.execute(
        """select c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
           from pg_attribute a join pg_class c on c.oid = a.attrelid
           where c.relnamespace = 'raw'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped"""
    ).fetchall():
        have.setdefault(relation, {})[column] = kind
    done = []
    for table in tables:
        wanted = [(name, POSTGRES_TYPE[kind]) for name, kind in raw_columns(table)]
        name = f"raw.{quoted(table.relation)}"
        changed = [c for c, kind in wanted if have.get(table.relation, {}).get(c, kind) != kind]
        if changed:
            # the lake has every row, so the table is made anew rather than cast
            _run(connection, f"drop table {name}")
            connection.execute("delete from raw._loaded_batch where relation = %s", [table.relation])
            connection.execute("drop table if exists raw._built_load")  # see warehouse/built.py
            connection.execute("drop table if exists raw._judged")  # see warehouse/judged.py
            have.pop(table.relation)
            done.append(f"changed {table.relation}: {', '.join(changed)}; it is loaded again")
        if table.relation not in have:
            columns = ", ".join(f"{quoted(n)} {t}" for n, t in wanted)
            _run(connection, f"create table {name} ({columns}, primary key (workspace_id, _record_key))")
            done.append(f"created {table.relation}")
            continue
        for column, kind in wanted:
            if column not in have[table.relation]:
                _run(connection, f"alter table {name} add column {quoted(column)} {kind}")
                done.append(f"added {table.relation}.{column}")
    return done


def _run(connection: Connection, query: str) -> None:
    connection.execute(query.encode())
