"""Connections straight through the driver: a handful, opened when they are needed.

Belongs here: giving one out, never one that is in the middle of something. Does not belong here: what is said over it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg

from nexus.errors import MachineError

#: What says that a connection is of no more use, whatever was asked.
LOST = (asyncpg.InterfaceError, asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError, OSError)
_WAIT_S = 10


def silent() -> MachineError:
    """What is raised where the driver has waited in vain."""
    return MachineError("PostgreSQL does not answer", remedy="try again; `nexus doctor` says more")


@contextmanager
def answering() -> Iterator[None]:
    """Raises MachineError where the driver says only that the time is over."""
    try:
        yield
    except TimeoutError:
        raise silent() from None


class Connections:
    """At most `most` connections of one event loop, which `connect` opens when they are needed."""

    def __init__(self, connect: Callable[[], Awaitable[asyncpg.Connection]], most: int) -> None:
        self._connect = connect
        self._free: list[asyncpg.Connection] = []
        self._turn = asyncio.Semaphore(most)
        self._used = 0

    @property
    def counts(self) -> tuple[int, int]:
        """Connections in use and idle."""
        return self._used, len(self._free)

    async def take(self) -> asyncpg.Connection:
        """A connection, to be given back. Raises MachineError if none is free in time, or PostgreSQL cannot be reached."""
        if self._turn.locked():
            try:
                async with asyncio.timeout(_WAIT_S):
                    await self._turn.acquire()
            except TimeoutError:
                raise MachineError("every connection to PostgreSQL is in use", remedy="try again") from None
        else:
            await self._turn.acquire()
        self._used += 1
        try:
            while self._free:
                if not (connection := self._free.pop()).is_closed():
                    return connection
            return await self._connect()
        except BaseException:
            self._used -= 1
            self._turn.release()
            raise

    def give_back(self, connection: asyncpg.Connection, *, is_whole: bool = True) -> None:
        """Ends the use of one. One that may be in the middle of an answer or a transaction is closed."""
        if not is_whole or connection.is_closed() or connection.is_in_transaction():
            connection.terminate()
        else:
            self._free.append(connection)
        self._used -= 1
        self._turn.release()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection for the block; one that an error leaves in the middle of something is not used again."""
        connection = await self.take()
        try:
            yield connection
        finally:
            self.give_back(connection)

    async def once(self, sql: str, values: Sequence[Any]) -> list[asyncpg.Record]:
        """The rows of one statement, which is a transaction of its own. Raises MachineError if it is not answered."""
        connection = await self.take()
        is_whole = True
        try:
            with answering():
                rows: list[asyncpg.Record] = await connection.fetch(sql, *values)
        except (*LOST, MachineError, asyncio.CancelledError):
            is_whole = False
            raise
        finally:
            self.give_back(connection, is_whole=is_whole)
        return rows

    async def read(self, sql: str, values: Sequence[Any]) -> list[asyncpg.Record]:
        """As `once`, and asked again on another connection if one was cut: twice must do no harm."""
        for _ in range(len(self._free)):
            try:
                return await self.once(sql, values)
            except LOST:
                continue
        return await self.once(sql, values)

    async def row(self, sql: str, *values: Any) -> Sequence[Any] | None:
        """The first row of `read`."""
        found = await self.read(sql, values)
        return found[0] if found else None

    async def close(self) -> None:
        while self._free:
            await self._free.pop().close()
