"""Gates look at the candidate of either engine through this door.

Belongs here: opening the build for reading and giving rows as dictionaries. Does not belong here: any check.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nexus.settings import Settings
from warehouse.engines import open_engine


class _Rows:
    """Rows of a session's connection, whatever form its driver gives them."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def rows(self, sql: str) -> list[dict[str, Any]]:
        cursor = self.connection.execute(sql)
        names = [column[0] for column in cursor.description]
        return [row if isinstance(row, dict) else dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def run(self, sql: str) -> None:
        self.connection.execute(sql)


@contextmanager
def reading(settings: Settings) -> Iterator[_Rows]:
    """The private build of `settings.warehouse`. The caller holds the build lock."""
    with open_engine(settings.warehouse, settings) as session:
        yield _Rows(session.connection)  # type: ignore[attr-defined]


def row_counts(reads: _Rows, relations: dict[str, str]) -> dict[str, int]:
    """Rows of each relation (`name` → `schema`) in one query."""
    if not relations:
        return {}
    parts = [
        f"select '{name}' as relation, count(*) as row_count from {schema}.{name}" for name, schema in relations.items()
    ]
    return {str(r["relation"]): int(r["row_count"]) for r in reads.rows(" union all ".join(parts))}


def published_counts(settings: Settings, relations: dict[str, str]) -> dict[str, int]:
    """The same of the version that readers see; empty before the first publication, relations it lacks left out."""
    from warehouse.current import read_current
    from warehouse.marts import open_file

    current = read_current(settings)
    if current is None:
        return {}
    connection = open_file(current.path, settings.duckdb_memory_limit)
    try:
        there = {row[0] for row in connection.execute("select table_name from information_schema.tables").fetchall()}
        return row_counts(_Rows(connection), {n: s for n, s in relations.items() if n in there})
    finally:
        connection.close()
