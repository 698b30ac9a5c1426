"""A migrated database for the tests of jobs and sagas; each has an organisation that nobody else has."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
import pytest

from nexus import postgres
from nexus.db import Database, Tenant
from nexus.db.migrate import migrate
from nexus.jobs import declare
from nexus.settings import Settings

T = TypeVar("T")


@pytest.fixture(scope="module")
def migrated(session_settings: Settings) -> Iterator[Settings]:
    migrate(session_settings)
    with psycopg.connect(postgres.dsn(session_settings), autocommit=True) as connection:
        connection.execute("create table if not exists app.probe (who text, said text)")
        connection.execute("grant select, insert, delete on app.probe to nexus_api, nexus_system")
        yield session_settings
        # a table without a tenant is what others look for
        connection.execute("drop table app.probe")


@dataclass
class House:
    """A database, a tenant of its own, and plain SQL that sees everything."""

    settings: Settings
    tenant: Tenant
    database: Database

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Its result; afterwards no connection is left."""

        async def inside() -> T:
            try:
                return await coroutine
            finally:
                await self.database.close()

        return asyncio.run(inside())

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(postgres.dsn(self.settings), autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def said(self) -> list[str]:
        rows = self.sql("select said from app.probe where who = %s order by ctid", self.tenant.organisation)
        return [row[0] for row in rows]


@pytest.fixture
def house(migrated: Settings) -> House:
    key = secrets.token_hex(6)
    return House(migrated, Tenant(f"org_{key}", f"ws-{key}"), Database(migrated))


@pytest.fixture
def declared() -> Iterator[Callable[..., Callable[[declare.Handle], declare.Handle]]]:
    """`nexus.jobs.job`, undone at the end."""
    before = declare.jobs()
    yield declare.job
    declare._register.clear()
    declare._register.update(before)
