"""Opening the warehouse's database.

Belongs here: which database, and its settings. Does not belong here: the ledger (warehouse/ledger.py).
With the embedded server the warehouse has a database of its own; with NEXUS_DATABASE_URL it shares that one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import duckdb
import psycopg

from nexus.contracts import Table
from nexus.postgres import dsn
from nexus.settings import Settings
from warehouse.engines.postgres import export, load, schema
from warehouse.journal import Delta
from warehouse.ledger import Part

DATABASE = "warehouse"


class PostgresSession:
    """See `warehouse.engines.Session`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.connection = psycopg.connect(dsn(settings, DATABASE), autocommit=True, options="-c timezone=UTC")

    def ensure(self, tables: Sequence[Table]) -> list[str]:
        return schema.ensure(self.connection, tables)

    def loaded(self) -> set[tuple[str, str]]:
        return load.loaded(self.connection)

    def next_sequence(self) -> int:
        return load.next_sequence(self.connection)

    def load(self, table: Table, parts: Sequence[Part], sequence: int) -> int:
        with duckdb.connect(config={"memory_limit": self.settings.duckdb_memory_limit}) as reader:
            reader.execute("set timezone = 'UTC'; set enable_progress_bar = false")
            return load.load(self.connection, reader, table, parts, sequence)

    def relations(self, schemas: Sequence[str]) -> list[str]:
        return export.relations(self.connection, schemas)

    def counts(self, relations: Collection[str]) -> dict[str, int]:
        return export.counts(self.connection, relations)

    def export(self, target: Path, relations: Sequence[str], deltas: Mapping[str, Delta] | None = None) -> None:
        export.export(self.connection, target, relations, deltas or {})

    def close(self) -> None:
        self.connection.close()


@contextmanager
def session(settings: Settings) -> Iterator[PostgresSession]:
    opened = PostgresSession(settings)
    try:
        yield opened
    finally:
        opened.close()


def kept_open(settings: Settings) -> AbstractContextManager[None]:
    """A connection is opened soon enough: nothing is kept."""
    return nullcontext()


def let_go(settings: Settings) -> None:
    """Nothing is kept."""
