"""Single statements that come before a tenant is known, straight through the driver: whose credential is this?

Belongs here: a few connections as `nexus_system`, one statement at a time, none of which changes anything but a note.
Does not belong here: transactions (session.py), which cost a look-up three round trips more and a millisecond of Python.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import asyncpg

#: What says that a connection is of no more use, whatever was asked.
_LOST = (asyncpg.InterfaceError, asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError, OSError)


class Lookups:
    """At most `most` connections of one event loop, which `connect` opens when they are needed."""

    def __init__(self, connect: Callable[[], Awaitable[asyncpg.Connection]], most: int = 5) -> None:
        self._connect = connect
        self._free: list[asyncpg.Connection] = []
        self._turn = asyncio.Semaphore(most)

    async def row(self, sql: str, *values: Any) -> Sequence[Any] | None:
        """The first row. Asked again on a new connection if this one was cut: it must do no harm to ask twice.

        Raises MachineError if PostgreSQL cannot be reached.
        """
        async with self._turn:
            while self._free:
                connection = self._free.pop()
                try:
                    return await self._row(connection, sql, values)
                except _LOST:
                    continue
            return await self._row(await self._connect(), sql, values)

    async def _row(self, connection: asyncpg.Connection, sql: str, values: Sequence[Any]) -> Sequence[Any] | None:
        try:
            found: Sequence[Any] | None = await connection.fetchrow(sql, *values)
        except BaseException:
            # it may have been cut, or be in the middle of an answer
            connection.terminate()
            raise
        self._free.append(connection)
        return found

    async def close(self) -> None:
        while self._free:
            await self._free.pop().close()
