"""A server that is frozen or full: nobody waits for it without end, and everybody hears that it is the machine."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from nexus import postgres
from nexus.db import Database, engine, roles
from nexus.db.migrate import migrate
from nexus.errors import MachineError
from nexus.settings import Settings
from nexus.tenancy import LOCAL_ORGANISATION, Tenant
from nexus.trouble import machine_error

#: A statement twice over one connection, of which `frozen` stops the server's process in between.
Asking = Callable[[Database, Callable[[int], None]], Awaitable[None]]
_PID = "select pg_backend_pid()"


async def alone(database: Database, frozen: Callable[[int], None]) -> None:
    frozen((await database.asked(_PID))[0][0])
    await database.asked("select 1")


async def in_a_transaction(database: Database, frozen: Callable[[int], None]) -> None:
    direct = database.direct(lambda: Tenant(LOCAL_ORGANISATION))
    try:
        found = await direct.row(_PID)
        assert found is not None
        frozen(found[0])
        await direct.row("select 1")
    finally:
        await direct.close()


async def in_a_session(database: Database, frozen: Callable[[int], None]) -> None:
    async with database.session(None) as session:
        frozen((await session.execute(text(_PID))).scalar_one())
        await session.execute(text("select 1"))


@pytest.mark.integration
@pytest.mark.parametrize("ask", [alone, in_a_transaction, in_a_session])
def test_a_frozen_server_holds_nobody(settings: Settings, monkeypatch: pytest.MonkeyPatch, ask: Asking) -> None:
    migrate(settings)
    monkeypatch.setattr(engine, "ANSWER_WITHIN", 1.0)
    stopped: list[int] = []

    def frozen(pid: int) -> None:
        os.kill(pid, signal.SIGSTOP)
        stopped.append(pid)

    async def go() -> None:
        database = Database(settings)
        began = time.monotonic()
        with pytest.raises(MachineError, match="does not answer"):
            await ask(database, frozen)
        assert time.monotonic() - began < 8
        # and its place is another's
        assert all(used == 0 for used, _ in database.connections().values())
        await database.asked("select 1")
        await database.close()

    try:
        asyncio.run(asyncio.wait_for(go(), 30))
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.integration
def test_a_full_server_is_the_machine(settings: Settings) -> None:
    migrate(settings)
    # a superuser is let in beyond any limit
    as_api = postgres.dsn(settings).replace("postgres@", "nexus_api@", 1)
    with psycopg.connect(postgres.dsn(settings), autocommit=True) as connection:
        connection.execute(f"alter database {connection.info.dbname} connection limit 0".encode())
    with pytest.raises(MachineError, match="too many connections"):
        asyncio.run(engine.connect(settings.model_copy(update={"api_database_url": SecretStr(as_api)}), roles.API))
    with pytest.raises(psycopg.OperationalError) as caught:
        psycopg.connect(as_api)
    assert machine_error(caught.value) is not None


@pytest.mark.parametrize(
    "said",
    [
        "sorry, too many clients already",
        "remaining connection slots are reserved for roles with the SUPERUSER attribute",
        'too many connections for role "nexus_api"',
    ],
)
def test_a_full_server_is_known_by_what_it_says(said: str) -> None:
    assert machine_error(psycopg.OperationalError(said)) is not None
