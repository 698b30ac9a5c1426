"""Parts of the lake into raw tables, in PostgreSQL.

Belongs here: one transaction per relation, which also remembers what it loaded.
Does not belong here: which parts are pending (warehouse/load.py), which rows they give (engines/incoming.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pyarrow as pa
from psycopg import Connection
from pyarrow import csv

from nexus.contracts import Table
from warehouse.engines.incoming import incoming, raw_columns
from warehouse.land.sql import quoted
from warehouse.ledger import Part

_ROWS = 50_000


def loaded(connection: Connection) -> set[tuple[str, str]]:
    return {(row[0], row[1]) for row in connection.execute("select batch_id, relation from raw._loaded_batch")}


def next_sequence(connection: Connection) -> int:
    row = connection.execute("select coalesce(max(load_seq), 0) + 1 from raw._loaded_batch").fetchone()
    return int(row[0]) if row else 1


def load(
    connection: Connection,
    reader: duckdb.DuckDBPyConnection,
    table: Table,
    parts: Sequence[Part],
    sequence: int,
) -> int:
    """Entities: the newest version of each key stays. Events: a key that is there already stays as it is."""
    relation = f"raw.{quoted(table.relation)}"
    columns = [name for name, _ in raw_columns(table)]
    names = ", ".join(map(quoted, columns))
    with connection.transaction():
        _run(connection, f"create temp table incoming (like {relation}) on commit drop")
        _copy(connection, reader, incoming(reader, table, parts, sequence), f"incoming ({names})")
        if table.id is None or table.nature == "event":
            conflict = "do nothing"
        else:
            sets = ", ".join(f"{quoted(c)} = excluded.{quoted(c)}" for c in columns[1:] if c != "_record_key")
            conflict = f"do update set {sets}"
            if table.version:
                v = quoted(table.version)
                conflict += f" where r.{v} is null or excluded.{v} >= r.{v}"
        _run(
            connection,
            f"insert into {relation} as r ({names}) select {names} from incoming "
            f"on conflict (workspace_id, _record_key) {conflict}",
        )
        row = connection.execute(
            f"select count(*) from {relation} where _load_seq = {int(sequence)}".encode()
        ).fetchone()
        with connection.cursor() as cursor:
            cursor.executemany(
                "insert into raw._loaded_batch (batch_id, relation, load_seq, row_count) values (%s, %s, %s, %s)",
                [(p.batch_id, table.relation, sequence, p.rows) for p in parts],
            )
    return int(row[0]) if row else 0


def _copy(connection: Connection, reader: duckdb.DuckDBPyConnection, query: str, target: str) -> None:
    """Streams rows as CSV; every value that is there is quoted, so that null and the empty text stay apart."""
    options = csv.WriteOptions(include_header=False, quoting_style="all_valid")
    with connection.cursor() as cursor, cursor.copy(f"copy {target} from stdin (format csv)".encode()) as copy:
        for batch in reader.execute(query).to_arrow_reader(_ROWS):
            out = pa.BufferOutputStream()
            csv.write_csv(batch, out, options)
            copy.write(out.getvalue().to_pybytes())


def _run(connection: Connection, query: str) -> None:
    connection.execute(query.encode())
