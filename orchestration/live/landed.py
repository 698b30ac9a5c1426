"""What has landed of a source in one workspace, as tables that SQL can ask, without a build.

Belongs here: the newest state of each record in the lake, and how far it reaches. Does not belong here: comparing (a
source's `reconcile`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb

from nexus.connections import Connection
from nexus.contracts import Table
from nexus.settings import Settings
from orchestration import sources
from orchestration.live.spec import Cursor, Landed
from warehouse import ledger, pulls
from warehouse.engines.incoming import incoming, raw_columns
from warehouse.land.sql import DUCKDB_TYPE, quoted


@contextmanager
def landed(settings: Settings, connection: Connection, only: Collection[str] = ()) -> Iterator[Landed]:
    """Runs SQL over `raw_<source>__<table>` of the connection's workspace, one row for each record, its newest version.

    Only the tables named in `only` are there, if any are. They are views of the lake, made by the query that names them:
    it reads the columns it names, as they have landed by then.
    """
    source = sources.get(connection.source)
    tables = {t.relation: t for t in source.tables if not only or t.name in only}
    with ledger.connect(settings) as book, duckdb.connect() as engine:
        engine.execute("set timezone = 'UTC'")
        yield _Lake(settings, connection, tables, book, engine)


@dataclass(frozen=True, slots=True)
class _Lake:
    settings: Settings
    connection: Connection
    tables: dict[str, Table]
    book: ledger.Connection
    engine: duckdb.DuckDBPyConnection

    def __call__(self, sql: str, after: int = 0) -> list[tuple[Any, ...]]:
        for relation in set(re.findall(r"\w+", sql)) & set(self.tables):
            self._show(self.tables[relation], after)
        return self.engine.execute(sql).fetchall()

    def settled(self) -> int:
        # a batch takes its number before it commits, so a lower one may be seen after a higher one: this waits for whoever
        # writes a batch by now
        with self.book.transaction():
            self.book.execute("lock table batch in share mode")
            row = self.book.execute("select coalesce(max(seq), 0) as seq from batch").fetchone()
        assert row is not None
        return int(row["seq"])

    def cursor(self, stream: str) -> Cursor:
        return pulls.cursor(self.book, self.connection.workspace, self.connection.name, stream)

    def connections(self) -> list[str]:
        return pulls.connections(self.book, self.connection.workspace, self.connection.source)

    def _show(self, table: Table, after: int) -> None:
        parts = ledger.parts(self.book, self.settings, table.source, table.name, self.connection.workspace)
        parts = [part for part in parts if part.seq > after]
        if parts:
            rows = incoming(self.engine, table, parts, 0, f"_of_{table.name}")
        else:
            columns = ", ".join(f"cast(null as {DUCKDB_TYPE[kind]}) as {quoted(n)}" for n, kind in raw_columns(table))
            rows = f"select {columns} where false"
        self.engine.execute(f"create or replace temp view {quoted(table.relation)} as {rows}")
