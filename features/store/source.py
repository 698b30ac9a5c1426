"""The one place where the feature store touches the warehouse: a published version, opened read-only."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nexus.settings import Settings


@contextlib.contextmanager
def published(settings: Settings, version: str | int | None = None) -> Iterator[tuple[str, Any]]:
    """Name (`v000012`) of, and a read-only connection to, a published version (default: the newest)."""
    from warehouse import marts

    connection = marts.open(version, settings=settings)
    try:
        # the file that was opened says which version it is: another may have become current meanwhile
        opened = connection.execute(
            "select path from duckdb_databases() where database_name = ?", [marts.ALIAS]
        ).fetchone()
        assert opened is not None
        yield Path(opened[0]).stem, connection
    finally:
        connection.close()
