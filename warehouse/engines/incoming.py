"""The lake's view of rows that are to be loaded: DuckDB SQL over Parquet parts, the same for every engine.

Belongs here: reading parts of old and new contracts alike, and choosing the newest version of an entity.
Does not belong here: writing into an engine.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from nexus.contracts import LOAD_SEQUENCE, META, Kind, Table
from warehouse.land.sql import DUCKDB_TYPE, literal, quoted
from warehouse.ledger import Part


def raw_columns(table: Table) -> list[tuple[str, Kind]]:
    """Columns of the raw table in their order."""
    return [META[0], *((c.name, c.kind) for c in table.columns), *META[1:], (LOAD_SEQUENCE, Kind.integer)]


def incoming(
    engine: duckdb.DuckDBPyConnection, table: Table, parts: Sequence[Part], sequence: int, suffix: str = ""
) -> str:
    """SELECT of the rows of `parts`, one per key for entities (the newest). Makes the temp tables `part_order` and, where
    rows are beaten, `superseded`; with `suffix`, which their names then end with, several such SELECTs live side by side.

    Several parts may share a file, with parts that are not asked for: the batch of a row says whose it is.
    A column that an older part does not have is null there; one whose kind has changed since is cast or null.
    """
    engine.execute(
        f"create or replace temp table part_order{suffix} as select unnest($1::varchar[]) as batch_id, unnest($2::bigint[]) as seq",
        [[p.batch_id for p in parts], [p.seq for p in parts]],
    )
    files = "[" + ", ".join(literal(str(path)) for path in dict.fromkeys(p.path for p in parts)) + "]"
    source = f"read_parquet({files}, union_by_name = true, file_row_number = true, hive_partitioning = false)"
    there = {row[0] for row in engine.execute(f"describe select * from {source}").fetchall()}
    columns = ", ".join(
        f"{sequence} as {quoted(name)}" if name == LOAD_SEQUENCE
        else f"try_cast(p.{quoted(name)} as {DUCKDB_TYPE[kind]}) as {quoted(name)}" if name in there
        else f"cast(null as {DUCKDB_TYPE[kind]}) as {quoted(name)}"
        for name, kind in raw_columns(table)
    )  # fmt: skip
    superseded = ""
    mine = f" join part_order{suffix} o on o.batch_id = p._batch_id"
    version = table.version if table.version in there else None
    if table.id is not None and _supersede(engine, table, source, version, suffix):
        superseded = f" where (o.seq, p.file_row_number) not in (select (seq, n) from superseded{suffix})"
    return f"select {columns} from {source} p{mine}{superseded}"


def _supersede(
    engine: duckdb.DuckDBPyConnection, table: Table, source: str, version: str | None, suffix: str
) -> bool:  # fmt: skip
    """Fills `superseded(seq, n)` with rows that another row of the same key beats; whether there are any.

    Works on keys alone, so that wide rows are read once and never sorted.
    """
    newest = f"{quoted(version)} desc nulls last, " if version else ""
    order = "seq, n" if table.nature == "event" else f"{newest}seq desc, n desc"
    value = f", p.{quoted(version)}" if version else ""
    keys = (
        f"select p.workspace_id, p._record_key{value}, o.seq, p.file_row_number as n "
        f"from {source} p join part_order{suffix} o on o.batch_id = p._batch_id"
    )
    engine.execute(
        f"""create or replace temp table superseded{suffix} as
            select seq, n from (
                select seq, n, row_number() over (partition by workspace_id, _record_key order by {order}) as place
                from ({keys})
                where (workspace_id, _record_key) in (
                    select (workspace_id, _record_key) from {source} group by all having count(*) > 1))
            where place > 1"""
    )
    row = engine.execute(f"select count(*) from superseded{suffix}").fetchone()
    return bool(row and row[0])
