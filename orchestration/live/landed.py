"""What has landed of a source in one workspace, as tables that SQL can ask, without a build.

Belongs here: the newest state of each record in the lake. Does not belong here: comparing (a source's `reconcile`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import duckdb

from nexus.connections import Connection
from nexus.settings import Settings
from orchestration import sources
from orchestration.live.spec import Landed
from warehouse import ledger
from warehouse.engines.incoming import incoming, raw_columns
from warehouse.land.sql import DUCKDB_TYPE, quoted


@contextmanager
def landed(settings: Settings, connection: Connection, only: Collection[str] = ()) -> Iterator[Landed]:
    """Runs SQL over `raw_<source>__<table>` of the connection's workspace, one row for each record, its newest version.

    Only the tables named in `only` are there, if any are.
    """
    source = sources.get(connection.source)
    with ledger.connect(settings) as book, duckdb.connect() as engine:
        engine.execute("set timezone = 'UTC'")
        for table in (t for t in source.tables if not only or t.name in only):
            parts = ledger.parts(book, settings, source.name, table.name, connection.workspace)
            name = quoted(table.relation)
            if parts:
                engine.execute(f"create table {name} as {incoming(engine, table, parts, 0)}")
            else:
                columns = ", ".join(f"{quoted(n)} {DUCKDB_TYPE[kind]}" for n, kind in raw_columns(table))
                engine.execute(f"create table {name} ({columns})")

        def query(sql: str) -> list[tuple[Any, ...]]:
            return engine.execute(sql).fetchall()

        yield query
