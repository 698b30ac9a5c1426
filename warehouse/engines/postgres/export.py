"""Published schemas of the PostgreSQL warehouse into a DuckDB file, so that readers are the same for every engine.

Belongs here: copying tables with their types. Does not belong here: names, fsync, switching (warehouse/publish.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
from psycopg import Connection

from warehouse.land.sql import literal, quoted

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


def export(
    connection: Connection, target: Path, schemas: Sequence[str], only: Sequence[str] | None = None
) -> list[str]:
    """Tables as tables; views of marts, features and metrics too, because what they read is not published."""
    wanted = connection.execute(
        """select table_schema, table_name from information_schema.tables
           where table_schema = any(%s)
             and (table_type = 'BASE TABLE' or table_schema in ('marts', 'features', 'metrics'))
             and table_name not like '%%\\_\\_dbt\\_%%'
           order by 1, 2""",
        [list(schemas)],
    ).fetchall()
    wanted = [(schema, name) for schema, name in wanted if only is None or name in only]
    with (
        duckdb.connect(str(target)) as file,
        TemporaryDirectory(prefix="nexus-export-") as folder,
        connection.transaction(),
    ):
        # one snapshot for all tables
        connection.execute("set transaction isolation level repeatable read")
        for schema, name in wanted:
            file.execute(f"create schema if not exists {quoted(schema)}")
            _table(connection, file, schema, name, Path(folder) / "rows.csv")
        file.execute("checkpoint")
    return [f"{schema}.{name}" for schema, name in wanted]


def _table(
    connection: Connection,
    file: duckdb.DuckDBPyConnection,
    schema: str,
    name: str,
    scratch: Path,
) -> None:
    columns = connection.execute(
        """select column_name, data_type, numeric_precision, numeric_scale from information_schema.columns
           where table_schema = %s and table_name = %s order by ordinal_position""",
        [schema, name],
    ).fetchall()
    relation = f"{quoted(schema)}.{quoted(name)}"
    types = {column: _type(kind, precision, scale) for column, kind, precision, scale in columns}
    file.execute(f"create table {relation} ({', '.join(f'{quoted(c)} {t}' for c, t in types.items())})")
    query = f"copy (select * from {relation}) to stdout (format csv, header false)".encode()
    with scratch.open("wb") as rows, connection.cursor() as cursor, cursor.copy(query) as copy:
        for block in copy:
            rows.write(block)
    if scratch.stat().st_size:
        described = ", ".join(f"{literal(c)}: {literal(t)}" for c, t in types.items())
        file.execute(
            f"insert into {relation} from read_csv({literal(str(scratch))}, header = false, auto_detect = false, "
            f"delim = ',', quote = '\"', escape = '\"', allow_quoted_nulls = false, nullstr = '', "
            f"max_line_size = 100000000, columns = {{{described}}})"
        )


def _type(kind: str, precision: int | None, scale: int | None) -> str:
    if kind == "numeric":
        return f"DECIMAL({min(precision or 38, 38)},{scale or 0})" if precision else "DOUBLE"
    return _TYPES.get(kind, "VARCHAR")
