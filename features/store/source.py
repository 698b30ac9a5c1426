"""The one place where the feature store touches the warehouse: a published version, opened read-only."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from nexus.settings import Settings


@contextlib.contextmanager
def published(settings: Settings, version: str | None = None) -> Iterator[tuple[str, Any]]:
    """Name of, and a read-only connection to, a published version (default: the newest)."""
    import duckdb

    directory = settings.warehouse_dir
    name = version or (directory / "current").read_text().strip()
    connection = duckdb.connect(str(directory / "versions" / f"{name}.duckdb"), read_only=True)
    try:
        yield name, connection
    finally:
        connection.close()
