"""Doing what a worker would with a saga of a served application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from nexus import sagas
from nexus.db import Database, Session, Tenant
from nexus.jobs.attempt import attempt
from tests.api.kernel import Kernel
from tests.api.outside import outside

T = TypeVar("T")


def on_database(kernel: Kernel, act: Callable[[Database], Awaitable[T]]) -> T:
    return outside(kernel.settings, act)


def begun(kernel: Kernel, tenant: Tenant, name: str, arguments: dict[str, Any] | None = None) -> str:
    async def act(database: Database) -> str:
        async with database.transaction(tenant) as session:
            return await begin(session)

    async def begin(session: Session) -> str:
        return await sagas.begin(session, name, arguments, by="usr_1")

    return on_database(kernel, act)


def driven(kernel: Kernel, id: str) -> str:
    """Its state, once a worker could do nothing more at present."""
    [[job]] = kernel.sql("select job_id from app.saga where id = %s", id)

    async def act(database: Database) -> None:
        await attempt(database, job)

    on_database(kernel, act)
    [[state]] = kernel.sql("select state from app.saga where id = %s", id)
    return str(state)
