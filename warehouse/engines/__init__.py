"""One package per engine, each with the same files: connect, schema, load, export.

Belongs here: everything that differs between engines. Does not belong here: policies (load.py, publish.py above).
"""

from __future__ import annotations

import importlib
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from nexus.contracts import Table
from nexus.errors import NotFoundError
from nexus.settings import Settings
from warehouse.ledger import Part

if TYPE_CHECKING:
    from warehouse.journal import Delta

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

    def relations(self, schemas: Sequence[str]) -> list[str]:
        """Tables of `schemas`, and views of those that people read, as `schema.name`."""
        ...

    def counts(self, relations: Collection[str]) -> dict[str, int]:
        """Rows of each relation (`schema.name`)."""
        ...

    def export(self, target: Path, relations: Sequence[str], deltas: Mapping[str, Delta] | None = None) -> None:
        """Writes `relations` as tables into a new DuckDB file; of those in `deltas` only what these name, and the keys
        of it into the table `_written` (relation, workspace_id, key).
        """
        ...

    def close(self) -> None: ...


def open_engine(name: str, settings: Settings) -> AbstractContextManager[Session]:
    """The warehouse of `settings` on engine `name`, for building. Raises NotFoundError for an unknown engine."""
    return cast(AbstractContextManager[Session], _connect(name).session(settings))


def kept_open(name: str, settings: Settings) -> AbstractContextManager[None]:
    """Meanwhile what is costly to open may stay open between sessions. The caller holds the build lock."""
    return cast(AbstractContextManager[None], _connect(name).kept_open(settings))


def let_go(name: str, settings: Settings) -> None:
    """Closes what is kept open until the next session: something failed, or something else needs the memory now."""
    _connect(name).let_go(settings)


def _connect(name: str) -> Any:
    if name not in NAMES:
        raise NotFoundError(f"there is no warehouse engine {name!r}", remedy=f"use one of: {', '.join(NAMES)}")
    return importlib.import_module(f"warehouse.engines.{name}.connect")
