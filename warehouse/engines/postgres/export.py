"""Published schemas of the PostgreSQL warehouse into a DuckDB file, so that readers are the same for every engine.

Belongs here: copying tables with their types. Does not belong here: names, fsync, switching (warehouse/publish.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import duckdb
from psycopg import Connection

from warehouse.land.sql import literal, quoted

if TYPE_CHECKING:
    from warehouse.journal import Delta

_TYPES = {
    "text": "VARCHAR",
    "character varying": "VARCHAR",
    "bigint": "BIGINT",
    "integer": "INTEGER",
    "smallint": "SMALLINT",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp without time zone": "TIMESTAMP",
    "double precision": "DOUBLE",
    "real": "FLOAT",
}


def relations(connection: Connection, schemas: Sequence[str]) -> list[str]:
    """Tables, and views of marts, features and metrics: they become tables, because what they read is not published."""
    rows = connection.execute(
        """select table_schema, table_name from information_schema.tables
           where table_schema = any(%s)
             and (table_type = 'BASE TABLE' or table_schema in ('marts', 'features', 'metrics'))
             and table_name not like '%%\\_\\_dbt\\_%%'
           order by 1, 2""",
        [list(schemas)],
    ).fetchall()
    return [f"{schema}.{name}" for schema, name in rows]


def counts(connection: Connection, relations: Collection[str]) -> dict[str, int]:
    found = {}
    for relation in relations:
        row = connection.execute(f"select count(*) from {_quoted(relation)}".encode()).fetchone()
        found[relation] = int(row[0]) if row else 0
    return found


def export(connection: Connection, target: Path, relations: Sequence[str], deltas: Mapping[str, Delta]) -> None:
    """See `warehouse.engines.Session.export`."""
    with (
        duckdb.connect(str(target)) as file,
        TemporaryDirectory(prefix="nexus-export-") as folder,
        connection.transaction(),
    ):
        # one snapshot for all tables
        connection.execute("set transaction isolation level repeatable read")
        scratch = Path(folder) / "rows.csv"
        if deltas:
            file.execute("create table _written (relation text, workspace_id text, key text)")
            keys = " union all ".join(
                f"select {literal(r)}, workspace_id, key from ({d.keys}) k" for r, d in deltas.items()
            )
            _fill(
                connection,
                file,
                "_written",
                dict.fromkeys(("relation", "workspace_id", "key"), "VARCHAR"),
                keys,
                scratch,
            )
        for relation in relations:
            file.execute(f"create schema if not exists {quoted(relation.partition('.')[0])}")
            _table(connection, file, relation, deltas.get(relation), scratch)
        file.execute("checkpoint")


def _table(
    connection: Connection, file: duckdb.DuckDBPyConnection, relation: str, delta: Delta | None, scratch: Path
) -> None:
    schema, _, name = relation.partition(".")
    columns = connection.execute(
        """select column_name, data_type, numeric_precision, numeric_scale from information_schema.columns
           where table_schema = %s and table_name = %s order by ordinal_position""",
        [schema, name],
    ).fetchall()
    target = _quoted(relation)
    types = {column: _type(kind, precision, scale) for column, kind, precision, scale in columns}
    file.execute(f"create table {target} ({', '.join(f'{quoted(c)} {t}' for c, t in types.items())})")
    some = f" where (workspace_id, cast({quoted(delta.key)} as varchar)) in ({delta.keys})" if delta else ""
    _fill(connection, file, target, types, f"select * from {target}{some}", scratch)


def _fill(
    connection: Connection,
    file: duckdb.DuckDBPyConnection,
    target: str,
    types: Mapping[str, str],
    query: str,
    scratch: Path,
) -> None:
    """Rows of `query` into the table `target` of the file."""
    text = f"copy ({query}) to stdout (format csv, header false)".encode()
    with scratch.open("wb") as rows, connection.cursor() as cursor, cursor.copy(text) as copy:
        for block in copy:
            rows.write(block)
    if scratch.stat().st_size:
        described = ", ".join(f"{literal(c)}: {literal(t)}" for c, t in types.items())
        file.execute(
            f"insert into {target} from read_csv({literal(str(scratch))}, header = false, auto_detect = false, "
            f"delim = ',', quote = '\"', escape = '\"', allow_quoted_nulls = false, nullstr = '', "
            f"max_line_size = 100000000, columns = {{{described}}})"
        )


def _quoted(relation: str) -> str:
    return ".".join(quoted(word) for word in relation.split(".", 1))


def _type(kind: str, precision: int | None, scale: int | None) -> str:
    if kind == "numeric":
        return f"DECIMAL({min(precision or 38, 38)},{scale or 0})" if precision else "DOUBLE"
    return _TYPES.get(kind, "VARCHAR")
