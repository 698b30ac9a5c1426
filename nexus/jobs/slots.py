"""Which executor of DBOS a process is: a numbered slot, held by a lock that falls with the process's connection.

Belongs here: claiming a slot, finding work whose slot nobody holds. Does not belong here: running it (engine.py).

DBOS gives the work of an executor back only to that executor, and runs it twice if two processes call themselves the
same. So nobody chooses an id: whoever starts takes the lowest slot that is free, which is that of a process that died;
and who lives looks for work in slots that nobody holds. A slot must be free at two looks, so that a process that has
lost its connection, and is about to have it again, is not taken for dead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection

import asyncpg

from nexus.errors import ConflictError

#: Class of the advisory locks, and how many workers there may be.
_LOCK, MOST = 7306, 64
_TRIES, _PAUSE = 10, 0.3
_LOOKS = 5
_PREFIX = "slot-"


def executor(slot: int) -> str:
    return f"{_PREFIX}{slot}"


async def claim(connection: asyncpg.Connection) -> int:
    """Takes the lowest free slot, for as long as `connection` lives. Raises ConflictError if none is free."""
    for slot in range(MOST):
        if await _locked(connection, slot):
            return slot
    raise ConflictError(f"{MOST} workers run already", remedy="stop one")


async def reclaim(connection: asyncpg.Connection, slot: int) -> bool:
    """Takes the slot that this process had before it lost its connection; False if another has it meanwhile, for longer
    than it takes to look for orphans."""
    for _ in range(_TRIES):
        if await _locked(connection, slot):
            return True
        await asyncio.sleep(_PAUSE)
    return False


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


class Strays:
    """Work that is this executor's by the table, and that it knows nothing of: its connection was cut as it took it."""

    def __init__(self, connection: asyncpg.Connection, mine: int) -> None:
        self._connection = connection
        self._mine = executor(mine)
        self._seen: dict[str, int] = {}

    async def take(self, active: Collection[str]) -> list[str]:
        """Puts back into the queue what is still not among `active` after several looks: it may be about to begin."""
        rows = await self._connection.fetch(
            "select workflow_uuid from jobs.workflow_status where status = 'PENDING' and executor_id = $1", self._mine
        )
        unknown = {row[0] for row in rows} - set(active)
        self._seen = {id: self._seen.get(id, 0) + 1 for id in unknown}
        lost = [id for id, looks in self._seen.items() if looks >= _LOOKS]
        if lost:
            await self._connection.execute(
                "update jobs.workflow_status set status = 'ENQUEUED', owner_xid = null, started_at_epoch_ms = null"
                " where status = 'PENDING' and executor_id = $1 and workflow_uuid = any ($2)",
                self._mine,
                lost,
            )
        return lost


async def _locked(connection: asyncpg.Connection, slot: int) -> bool:
    return bool(await connection.fetchval("select pg_try_advisory_lock($1, $2)", _LOCK, slot))


async def _is_free(connection: asyncpg.Connection, slot: int) -> bool:
    if not await _locked(connection, slot):
        return False
    await connection.execute("select pg_advisory_unlock($1, $2)", _LOCK, slot)
    return True
