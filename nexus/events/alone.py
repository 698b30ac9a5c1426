"""Having a consumer to oneself: a replay keeps the relay out, and every other replay.

Belongs here: the lock. Does not belong here: which relay works on a consumer (relay.py), that somebody paused it (offsets.py).

The lock is of the replay's connection: it falls with the process, however that ends. Relays share it for the end of a
transaction alone: a replay waits for no more than a commit, and what a relay would commit later is rolled back.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from nexus.db.engine import Database
from nexus.errors import ConflictError, MachineError
from nexus.events.log import CHANNEL

#: Longer than a commit takes: whoever still has the lock then is another replay.
PATIENCE = "5s"
_IS_LEFT = text("select pg_try_advisory_xact_lock_shared(hashtextextended('replay ' || :name, 7305))")
_LOCK = "select pg_advisory_lock(hashtextextended('replay ' || $1::text, 7305))"
_UNLOCK = "select pg_advisory_unlock(hashtextextended('replay ' || $1::text, 7305))"


async def is_left(session: AsyncSession, name: str) -> bool:
    """Whether no replay has the consumer; none begins then before this transaction ends."""
    return bool(await session.scalar(_IS_LEFT, {"name": name}))


@asynccontextmanager
async def alone(database: Database, name: str) -> AsyncIterator[Callable[[], None]]:
    """Nobody else gives the consumer anything meanwhile. What it gives is to be called before each transaction: it raises
    MachineError once the lock is lost. Raises ConflictError while another replay has it."""
    connection = await database.connection()

    def still() -> None:
        if connection.is_closed():
            raise MachineError("the connection that keeps the relay out of the replay was lost", remedy="replay again")

    try:
        await connection.execute(f"set lock_timeout = '{PATIENCE}'")
        try:
            await connection.execute(_LOCK, name)
        except asyncpg.LockNotAvailableError:
            raise ConflictError(
                f"consumer {name!r} is being replayed already", remedy="run it again once that has ended"
            ) from None
        try:
            yield still
        finally:
            # a connection that is gone has no lock any more
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await connection.execute(_UNLOCK, name)
                await connection.execute("select pg_notify($1, '')", CHANNEL)
    finally:
        connection.terminate()
