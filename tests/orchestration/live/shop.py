"""What has landed of somebody else's database, beside what is in it.

Belongs here: reading both sides. Does not belong here: the database itself (conftest.py).
"""

from __future__ import annotations

import json
from typing import Any

import psycopg

from nexus.connections import Connection
from nexus.settings import Settings
from orchestration.live.landed import landed
from warehouse import ledger, pulls


def rows_of(settings: Settings, connection: Connection, table: str = "public.orders") -> dict[str, Any]:
    """Landed rows by key, None for one that is gone."""
    with landed(settings, connection) as ask:
        found = ask(f"select row_key, is_deleted, row_document from raw_postgres__row where table_name = '{table}'")
    return {key: None if deleted else json.loads(row) for key, deleted, row in found}


def truth(db: psycopg.Connection, table: str = "orders") -> list[Any]:
    """The rows as their own database says them."""
    db.execute("set timezone to 'UTC'")
    rows = [row[0] for row in db.execute(f"select to_jsonb(t) from {table} t order by 1".encode())]
    return sorted(rows, key=lambda r: r.get("id", 0))


def present(rows: dict[str, Any]) -> list[Any]:
    """Landed rows that are there, in the order of `truth`."""
    return sorted((r for r in rows.values() if r is not None), key=lambda r: r.get("id", 0))


def cursor_of(settings: Settings, connection: Connection, stream: str) -> dict[str, Any]:
    with ledger.connect(settings) as book:
        return pulls.cursor(book, connection.workspace, connection.name, stream)


def put_cursor(settings: Settings, connection: Connection, stream: str, cursor: dict[str, Any]) -> None:
    with ledger.connect(settings) as book:
        pulls.advance(book, connection.workspace, connection.name, stream, connection.source, cursor)


def begin_anew(settings: Settings, connection: Connection) -> None:
    """What `nexus sources pull NAME --again` does first."""
    with ledger.connect(settings) as book:
        pulls.forget(book, connection.workspace, connection.name)
