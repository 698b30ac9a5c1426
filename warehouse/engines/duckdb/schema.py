"""Raw tables as the contracts want them, in DuckDB.

Belongs here: DDL made from `Table`. Does not belong here: rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from nexus.contracts import Table
from warehouse.engines.incoming import raw_columns
from warehouse.land.sql import DUCKDB_TYPE, quoted

_STATE = """
    create schema if not exists raw;
    create table if not exists raw._loaded_batch (
        batch_id VARCHAR, relation VARCHAR, load_seq BIGINT, row_count BIGINT, loaded_at TIMESTAMP)
"""


def ensure(connection: duckdb.DuckDBPyConnection, tables: Sequence[Table]) -> list[str]:
    """Creates missing tables and columns; a table with a column of another type is made anew, to be loaded again."""
    connection.execute("begin")
    try:
        done = _ensure(connection, tables)
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise
    return done


def _ensure(connection: duckdb.DuckDBPyConnection, tables: Sequence[Table]) -> list[str]:
    connection.execute(_STATE)
    have: dict[str, dict[str, str]] = {}
    for relation, column, kind in connection.execute(
        "select table_name, column_name, data_type from duckdb_columns() where schema_name = 'raw' and not internal"
    ).fetchall():
        have.setdefault(relation, {})[column] = kind
    done = []
    for table in tables:
        wanted = [(name, DUCKDB_TYPE[kind]) for name, kind in raw_columns(table)]
        name = f"raw.{quoted(table.relation)}"
        changed = [c for c, kind in wanted if have.get(table.relation, {}).get(c, kind) != kind]
        if changed:
            # the lake has every row, so the table is made anew rather than cast
            connection.execute(f"drop table {name}")
            connection.execute("delete from raw._loaded_batch where relation = $1", [table.relation])
            connection.execute("drop table if exists raw._built_load")  # see warehouse/built.py
            connection.execute("drop table if exists raw._judged")  # see warehouse/judged.py
            have.pop(table.relation)
            done.append(f"changed {table.relation}: {', '.join(changed)}; it is loaded again")
        if table.relation not in have:
            connection.execute(f"create table {name} ({', '.join(f'{quoted(n)} {t}' for n, t in wanted)})")
            done.append(f"created {table.relation}")
            continue
        for column, kind in wanted:
            if column not in have[table.relation]:
                connection.execute(f"alter table {name} add column {quoted(column)} {kind}")
                done.append(f"added {table.relation}.{column}")
    return done
