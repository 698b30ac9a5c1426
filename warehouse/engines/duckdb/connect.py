"""Opening the private build file.

Belongs here: its path and settings. Does not belong here: published versions (warehouse/versions.py).
While it is open no other process can open it, so it is open for as short as possible.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from nexus.contracts import Table
from nexus.errors import ConflictError
from nexus.settings import Settings
from warehouse.engines.duckdb import export, load, schema
from warehouse.journal import Delta
from warehouse.ledger import Part


def build_path(settings: Settings) -> Path:
    """The build file. Its stem is the catalog name inside views, and the alias under which versions are attached."""
    return settings.warehouse_dir / "build" / "nexus.duckdb"


class DuckDBSession:
    """See `warehouse.engines.Session`."""

    def __init__(self, settings: Settings) -> None:
        path = build_path(settings)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.connection = duckdb.connect(
                str(path),
                config={
                    "memory_limit": settings.duckdb_memory_limit,
                    "temp_directory": str(path.parent / "tmp"),
                    "autoinstall_known_extensions": "false",
                    "autoload_known_extensions": "false",
                },
            )
        except (duckdb.IOException, duckdb.ConnectionException) as error:
            raise ConflictError(
                f"the build file {path} cannot be opened: {str(error).splitlines()[0]}",
                remedy="another process is building; wait for it, or stop it",
            ) from error
        self.connection.execute("set timezone = 'UTC'; set enable_progress_bar = false")

    def ensure(self, tables: Sequence[Table]) -> list[str]:
        return schema.ensure(self.connection, tables)

    def loaded(self) -> set[tuple[str, str]]:
        return load.loaded(self.connection)

    def next_sequence(self) -> int:
        return load.next_sequence(self.connection)

    def load(self, table: Table, parts: Sequence[Part], sequence: int) -> int:
        return load.load(self.connection, table, parts, sequence)

    def relations(self, schemas: Sequence[str]) -> list[str]:
        return export.relations(self.connection, schemas)

    def counts(self, relations: Collection[str]) -> dict[str, int]:
        return export.counts(self.connection, relations)

    def export(self, target: Path, relations: Sequence[str], deltas: Mapping[str, Delta] | None = None) -> None:
        export.export(self.connection, target, relations, deltas or {})

    def close(self) -> None:
        self.connection.close()


@contextmanager
def session(settings: Settings) -> Iterator[DuckDBSession]:
    opened = DuckDBSession(settings)
    try:
        yield opened
    finally:
        opened.close()
