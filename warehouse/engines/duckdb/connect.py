"""Opening the private build file.

Belongs here: its path and settings. Does not belong here: published versions (warehouse/versions.py).
While it is open no other process can open it, so it is open for as short as possible: for a session, or for a build.
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

#: Builds that stay open in this process between sessions, by their path, once a session has opened them.
_kept: dict[Path, duckdb.DuckDBPyConnection | None] = {}


def build_path(settings: Settings) -> Path:
    """The build file. Its stem is the catalog name inside views, and the alias under which versions are attached."""
    return settings.warehouse_dir / "build" / "nexus.duckdb"


def options(settings: Settings) -> dict[str, str | bool | int | float | list[str]]:
    """Whoever opens the build in this process has to say the same: dbt does by transforms/dbt/profiles.yml."""
    return {
        "memory_limit": settings.duckdb_memory_limit,
        "temp_directory": str(build_path(settings).resolve().parent / "tmp"),
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }


class DuckDBSession:
    """See `warehouse.engines.Session`."""

    def __init__(self, settings: Settings) -> None:
        path = build_path(settings).resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.connection = duckdb.connect(str(path), config=options(settings))
        except (duckdb.IOException, duckdb.ConnectionException) as error:
            raise ConflictError(
                f"the build file {path} cannot be opened: {str(error).splitlines()[0]}",
                remedy="another process is building; wait for it, or stop it",
            ) from error
        # the last is for all who have the build open, and dbt's sessions say otherwise
        self.connection.execute(
            "set timezone = 'UTC'; set enable_progress_bar = false; set preserve_insertion_order = true"
        )

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
    opened, path = DuckDBSession(settings), build_path(settings).resolve()
    try:
        if path in _kept and _kept[path] is None:
            # a cursor would not do: whoever connects next would get an engine of his own, with the same file
            _kept[path] = duckdb.connect(str(path), config=options(settings))
        yield opened
    except BaseException:
        # what has failed may have made the engine useless to whoever shares it
        let_go(settings)
        raise
    finally:
        opened.close()


@contextmanager
def kept_open(settings: Settings) -> Iterator[None]:
    """Meanwhile the build stays open from its first session on, until something fails or somebody calls `let_go`.

    Opening it reads the catalogue of hundreds of relations, and a build needs it sixty times.
    """
    path = build_path(settings).resolve()
    _kept[path] = None
    try:
        yield
    finally:
        let_go(settings)
        del _kept[path]


def let_go(settings: Settings) -> None:
    """Closes what is kept open, with what the engine holds in memory of it; the next session opens it anew."""
    path = build_path(settings).resolve()
    held = _kept.get(path)
    if held is not None:
        _kept[path] = None
        held.close()
