"""One package per engine, each with the same files: connect, schema, load, export.

Belongs here: everything that differs between engines. Does not belong here: policies (load.py, publish.py above).
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, cast

from nexus.contracts import Table
from nexus.errors import NotFoundError
from nexus.settings import Settings
from warehouse.ledger import Part

NAMES = ("duckdb", "postgres")


class Session(Protocol):
    """An open warehouse that is being built. One at a time: the caller holds the build lock."""

    def ensure(self, tables: Sequence[Table]) -> list[str]:
        """Creates missing raw tables and columns; what was done, in words."""
        ...

    def loaded(self) -> set[tuple[str, str]]:
        """(batch id, relation) of everything that was loaded."""
        ...

    def next_sequence(self) -> int:
        """The `_load_seq` of a new load: higher than every earlier one."""
        ...

    def load(self, table: Table, parts: Sequence[Part], sequence: int) -> int:
        """Loads `parts` into the raw table and remembers them, in one transaction; rows written."""
        ...

    def export(self, target: Path, schemas: Sequence[str], only: Sequence[str] | None = None) -> list[str]:
        """Writes the tables of `schemas` (those named in `only`) into a new DuckDB file; names of what was written."""
        ...

    def close(self) -> None: ...


def open_engine(name: str, settings: Settings) -> AbstractContextManager[Session]:
    """The warehouse of `settings` on engine `name`, for building. Raises NotFoundError for an unknown engine."""
    if name not in NAMES:
        raise NotFoundError(f"there is no warehouse engine {name!r}", remedy=f"use one of: {', '.join(NAMES)}")
    module = importlib.import_module(f"warehouse.engines.{name}.connect")
    return cast(AbstractContextManager[Session], module.session(settings))
