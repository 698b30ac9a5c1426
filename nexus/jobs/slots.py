"""Which executor of DBOS a process is: a numbered slot, held by a lock that falls with the process's connection.

Belongs here: claiming a slot, finding work whose slot nobody holds. Does not belong here: running it (engine.py).

DBOS gives the work of an executor back only to that executor, and runs it twice if two processes call themselves the
same. So nobody chooses an id: whoever starts takes the lowest slot that is free, which is that of a process that died;
and who lives looks for work in slots that nobody holds. A slot must be free at two looks, so that a process that has
lost its connection, and is about to have it again, is not taken for dead.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import asyncpg

from nexus.errors import ConflictError

#: Class of the advisory locks, and how many workers there may be.
_LOCK, MOST = 7306, 64
_PREFIX = "slot-"


def executor(slot: int) -> str:
    return f"{_PREFIX}{slot}"


async def claim(connection: asyncpg.Connection, slot: int | None = None) -> int:
    """Takes the lowest free slot, or that one, for as long as `connection` lives. Raises ConflictError if none is free."""
    for candidate in range(MOST) if slot is None else (slot,):
        if await _locked(connection, candidate):
            return candidate
    raise ConflictError(
        f"slot {slot} has been taken by another worker" if slot is not None else f"{MOST} workers run already",
        remedy="this process starts anew as another executor" if slot is not None else "stop one",
    )


class Orphans:
    """Work of executors that have died."""

    def __init__(self, connection: asyncpg.Connection, mine: int) -> None:
        self._connection = connection
        self._mine = mine
        self._suspected: set[int] = set()

    async def take(self, recover: Callable[[str], Awaitable[None]]) -> list[int]:
        """Lets `recover` put the work of every dead executor back into the queue; their slots."""
        free = {slot for slot in await self._working() if slot != self._mine and await _is_free(self._connection, slot)}
        taken = []
        for slot in sorted(free & self._suspected):
            if await _locked(self._connection, slot):
                try:
                    await recover(executor(slot))
                finally:
                    await self._connection.execute("select pg_advisory_unlock($1, $2)", _LOCK, slot)
                taken.append(slot)
        self._suspected = free
        return taken

    async def _working(self) -> list[int]:
        """Slots that have work which somebody began."""
        rows = await self._connection.fetch(
            "select distinct executor_id from jobs.workflow_status where status = 'PENDING' and executor_id like $1",
            f"{_PREFIX}%",
        )
        return [int(row[0].removeprefix(_PREFIX)) for row in rows]


async def _locked(connection: asyncpg.Connection, slot: int) -> bool:
    return bool(await connection.fetchval("select pg_try_advisory_lock($1, $2)", _LOCK, slot))


async def _is_free(connection: asyncpg.Connection, slot: int) -> bool:
    if not await _locked(connection, slot):
        return False
    await connection.execute("select pg_advisory_unlock($1, $2)", _LOCK, slot)
    return True
