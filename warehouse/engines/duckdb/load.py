"""Parts of the lake into raw tables, in DuckDB.

Belongs here: one transaction per relation, which also remembers what it loaded.
Does not belong here: which parts are pending (warehouse/load.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from nexus.contracts import Table
from warehouse.engines.incoming import incoming, raw_columns
from warehouse.land.sql import quoted
from warehouse.ledger import Part

_SAME = "r.workspace_id = i.workspace_id and r._record_key = i._record_key"


def loaded(connection: duckdb.DuckDBPyConnection) -> set[tuple[str, str]]:
    return {
        (row[0], row[1]) for row in connection.execute("select batch_id, relation from raw._loaded_batch").fetchall()
    }


def next_sequence(connection: duckdb.DuckDBPyConnection) -> int:
    row = connection.execute("select coalesce(max(load_seq), 0) + 1 from raw._loaded_batch").fetchone()
    return int(row[0]) if row else 1


def load(connection: duckdb.DuckDBPyConnection, table: Table, parts: Sequence[Part], sequence: int) -> int:
    """Entities: the newest version of each key stays. Events: a key that is there already stays as it is."""
    relation = f"raw.{quoted(table.relation)}"
    names = ", ".join(quoted(name) for name, _ in raw_columns(table))
    connection.execute("begin")
    try:
        query = incoming(connection, table, parts, sequence)
        if table.id is None:
            connection.execute(f"insert into {relation} ({names}) {query}")
        elif table.nature == "event":
            connection.execute(
                f"insert into {relation} ({names}) select i.* from ({query}) i "
                f"where not exists (select 1 from {relation} r where {_SAME})"
            )
        else:
            connection.execute(f"create or replace temp table incoming as {query}")
            if table.version:
                version = quoted(table.version)
                connection.execute(
                    f"delete from incoming i using {relation} r where {_SAME} "
                    f"and r.{version} is not null and (i.{version} is null or r.{version} > i.{version})"
                )
            connection.execute(f"delete from {relation} r using incoming i where {_SAME}")
            connection.execute(f"insert into {relation} ({names}) select {names} from incoming")
            connection.execute("drop table incoming")
        row = connection.execute(f"select count(*) from {relation} where _load_seq = {sequence}").fetchone()
        connection.execute(
            "insert into raw._loaded_batch select unnest($1::varchar[]), $2, $3, unnest($4::bigint[]), now()::timestamp",
            [[p.batch_id for p in parts], table.relation, sequence, [p.rows for p in parts]],
        )
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise
    return int(row[0]) if row else 0
