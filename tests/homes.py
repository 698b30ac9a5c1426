"""Homes of tests that have an embedded PostgreSQL of their own: made, and gone without a trace.

Belongs here: the folder and the server. Does not belong here: what is in them.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from nexus import postgres
from nexus.settings import Settings


def make(purpose: str, **more: Any) -> Settings:
    """An empty home, which a test may ruin. Its server starts when it is first needed."""
    # not pytest's tmp_path: its parents are closed to the account that PostgreSQL runs as under root
    folder = Path(tempfile.mkdtemp(prefix=f"nexus-{purpose}-"))
    folder.chmod(0o755)
    return Settings(home=folder, database_url=None, **more)


def discard(settings: Settings) -> None:
    """Ends the server, whoever uses it, and removes all that it and the home have written."""
    server = postgres.describe(settings)
    postgres.discard(server)
    postgres.release(settings)
    shutil.rmtree(settings.home, ignore_errors=True)
    shutil.rmtree(server.data, ignore_errors=True)


@contextmanager
def home(purpose: str, **more: Any) -> Iterator[Settings]:
    made = make(purpose, **more)
    try:
        yield made
    finally:
        discard(made)


def hurry(settings: Settings) -> None:
    """Starts the server and lets it leave writing to the system: a killed process loses nothing by that, a power cut would."""
    with psycopg.connect(postgres.dsn(settings, "postgres"), autocommit=True) as connection:
        connection.execute("alter system set fsync = off")
        connection.execute("select pg_reload_conf()")
