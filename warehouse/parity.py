"""Holding two builds of the warehouse equal, row by row: DuckDB against PostgreSQL.

Belongs here: comparing relations that both engines built. Does not belong here: building them (warehouse.dbt).

Two relations are equal when they have the same columns of the same types and the same rows as a multiset. Columns
whose names begin with an underscore tell how a row was loaded, not what it says, and are left out.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import psycopg
from psycopg import sql

from nexus import postgres
from nexus.errors import NotFoundError
from nexus.settings import Settings
from warehouse.dbt import DbtError, Node
from warehouse.engines.duckdb.connect import build_path

#: Schemas whose relations must be equal.
SCHEMAS = ("marts", "features")
_TYPES = {
    "character varying": "text", "varchar": "text", "text": "text", "timestamp without time zone": "timestamp",
    "timestamp": "timestamp", "double precision": "double", "int": "integer", "bool": "boolean",
}  # fmt: skip
_NULL = "\\N"


@dataclass(frozen=True, slots=True)
class Difference:
    """What one relation has on one engine only. `rows` are the first that differ, each with the engine it is on."""

    relation: str
    message: str
    only_duckdb: int = 0
    only_postgres: int = 0
    rows: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Parity:
    """The outcome for one relation: its rows and, unless it is equal, the difference."""

    relation: str
    row_count: int
    difference: Difference | None

    @property
    def is_equal(self) -> bool:
        return self.difference is None

    @property
    def note(self) -> str:
        return self.difference.message if self.difference else ""


def compare_builds(settings: Settings, show: int = 3) -> list[Parity]:
    """The builds of `settings.home` on both engines. The caller holds the build lock."""
    path = build_path(settings)
    if not path.exists():
        raise NotFoundError("nothing is built on DuckDB yet", remedy="nexus build, or nexus parity --build")
    return compare(path, postgres.dsn(settings, "warehouse"), show=show)


def refuse_failures(engine: str, nodes: Sequence[Node]) -> None:
    """Raises DbtError if a model could not be built: what then stands in the warehouse is older."""
    bad = [node for node in nodes if node.is_bad]
    if bad:
        raise DbtError(
            f"{engine}: {len(bad)} models failed, first {bad[0].name}: {bad[0].message}", remedy="read its SQL"
        )


def compare(database: Path, dsn: str, schemas: tuple[str, ...] = SCHEMAS, show: int = 3) -> list[Parity]:
    """Every relation of `schemas` in the DuckDB file and in the PostgreSQL database, in order of name.

    Needs the DuckDB file unlocked (it is opened read-only) and reads each relation once from each engine.
    """
    with duckdb.connect() as duck, psycopg.connect(dsn) as pg, tempfile.TemporaryDirectory() as scratch:
        duck.execute(f"attach '{_quoted(str(database))}' as built (read_only)")
        duck.execute("set TimeZone = 'UTC'")
        pg.execute("set timezone = 'UTC'")
        here, there = _relations_duckdb(duck, schemas), _relations_postgres(pg, schemas)
        outcome = []
        for name in sorted(here | there):
            left, right = here.get(name), there.get(name)
            if left is None or right is None:
                engine = "PostgreSQL" if left is None else "DuckDB"
                outcome.append(Parity(name, 0, Difference(name, f"exists on {engine} only")))
            elif left != right:
                outcome.append(Parity(name, 0, Difference(name, _columns_differ(left, right))))
            else:
                outcome.append(_compare_rows(duck, pg, name, left, Path(scratch), show))
        return outcome


def _compare_rows(
    duck: duckdb.DuckDBPyConnection,
    pg: psycopg.Connection[Any],
    name: str,
    columns: dict[str, str],
    scratch: Path,
    show: int,
) -> Parity:
    schema, table = name.split(".")
    file = scratch / f"{name}.csv"
    fields = sql.SQL(", ").join(map(sql.Identifier, columns))
    copy = sql.SQL("copy (select {} from {}) to stdout (format csv, header false, null {})").format(
        fields, sql.Identifier(schema, table), sql.Literal(_NULL)
    )
    with file.open("wb") as out, pg.cursor() as cursor, cursor.copy(copy) as stream:
        for block in stream:
            out.write(block)
    names = ", ".join(f'"{c}"' for c in columns)
    types = ", ".join(f"'{c}': '{t}'" for c, t in columns.items())
    theirs = (
        f"select {names} from read_csv('{_quoted(str(file))}', header = false, nullstr = '{_NULL}', "
        f"allow_quoted_nulls = false, quote = '\"', escape = '\"', delim = ',', columns = {{{types}}}, "
        "max_line_size = 16777216, strict_mode = true, auto_detect = false)"
    )
    ours = f'select {names} from built."{schema}"."{table}"'
    duck.execute(f"create or replace temp table theirs as {theirs if file.stat().st_size else ours + ' limit 0'}")
    duck.execute(f"create or replace temp table missing as {ours} except all from theirs")
    duck.execute(f"create or replace temp table surplus as from theirs except all {ours}")
    row_count, missing, surplus = (
        duck.execute(f"select count(*) from {relation}").fetchall()[0][0]
        for relation in (f'built."{schema}"."{table}"', "missing", "surplus")
    )
    file.unlink()
    if not missing and not surplus:
        return Parity(name, row_count, None)
    rows = [("DuckDB", r) for r in _rows(duck, "missing", show)] + [
        ("PostgreSQL", r) for r in _rows(duck, "surplus", show)
    ]
    message = f"{missing} rows on DuckDB only, {surplus} rows on PostgreSQL only"
    return Parity(name, row_count, Difference(name, message, missing, surplus, rows))


def _rows(duck: duckdb.DuckDBPyConnection, relation: str, show: int) -> list[dict[str, Any]]:
    cursor = duck.execute(f"select * from {relation} order by all limit {show}")
    names = [d[0] for d in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _relations_duckdb(duck: duckdb.DuckDBPyConnection, schemas: tuple[str, ...]) -> dict[str, dict[str, str]]:
    rows = duck.execute(
        "select schema_name || '.' || table_name, column_name, lower(data_type) from duckdb_columns() "
        "where database_name = 'built' and list_contains(?, schema_name) order by 1, column_index",
        [list(schemas)],
    ).fetchall()
    return _columns(rows)


def _relations_postgres(pg: psycopg.Connection[Any], schemas: tuple[str, ...]) -> dict[str, dict[str, str]]:
    rows = pg.execute(
        "select n.nspname || '.' || c.relname, a.attname, format_type(a.atttypid, a.atttypmod) "
        "from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace "
        "where n.nspname = any(%s) and c.relkind in ('r', 'v', 'm') and a.attnum > 0 and not a.attisdropped "
        "order by 1, a.attnum",
        [list(schemas)],
    ).fetchall()
    return _columns(rows)


def _columns(rows: list[Any]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for relation, column, data_type in rows:
        if not column.startswith("_"):
            found.setdefault(relation, {})[column] = _type(data_type)
    return found


def _type(name: str) -> str:
    return _TYPES.get(name, name).replace("decimal", "numeric").replace(", ", ",")


def _columns_differ(left: dict[str, str], right: dict[str, str]) -> str:
    changed = sorted(set(left.items()) ^ set(right.items()))
    if not changed:
        return "the columns stand in another order"
    return "the columns differ: " + ", ".join(
        f"{c} {t} ({'DuckDB' if left.get(c) == t else 'PostgreSQL'})" for c, t in changed
    )


def _quoted(text: str) -> str:
    return text.replace("'", "''")
