"""A transaction straight through the driver: for the few endpoints that are asked thousands of times.

Belongs here: the same promises as `Session` (tenant, events, Idempotency-Key, nothing told on rollback) without its ORM,
which costs a request more than everything else together (docs/performance-of-the-api.md). Does not belong here: when to
commit: the edge does; what the audit log is to witness, and events with personal data: those need a `Session`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from nexus.db.refusals import refusal
from nexus.errors import MachineError
from nexus.events.event import Event, Recording
from nexus.events.log import batch
from nexus.telemetry import spans
from nexus.tenancy import ORGANISATION, WORKSPACE, Tenant

#: What says that a connection is of no more use, whatever was asked.
LOST = (asyncpg.InterfaceError, asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError, OSError)
_ASSUME = f"select set_config('{WORKSPACE}', $1, true), set_config('{ORGANISATION}', $2, true)"
_OPEN = "select * from app.open_request($1, $2, $3, $4, $5)"
_CLAIM = "select * from app.claim_key($1, $2, $3, $4, $5)"
_APPEND = "select app.append_events($1)"
_END = "select app.end_request($1, $2, $3, $4, $5, $6, $7, $8, $9)"
_KEYS = ("org", "workspace", "route", "key")
_WAIT_S = 10


class Direct:
    """One transaction for a tenant, which begins with the first statement. Statements take `$1`, `$2`, … and nothing else."""

    def __init__(
        self, connection: asyncpg.Connection, tenant: Callable[[], Tenant | None], wake: Callable[[], None]
    ) -> None:
        self._connection, self._tenant, self._wake = connection, tenant, wake
        self._has_begun = False
        self._recorded: list[Recording] = []
        self._kept: dict[str, Any] | None = None
        self._after: list[Callable[[], Awaitable[None]]] = []

    @property
    def tenant(self) -> Tenant | None:
        return self._tenant()

    async def row(self, sql: str, *values: Any) -> asyncpg.Record | None:
        """The first row. Raises what the driver raises: the edge makes a problem of a lost race."""
        await self._begin()
        return await self._connection.fetchrow(sql, *values)

    async def rows(self, sql: str, *values: Any) -> list[asyncpg.Record]:
        await self._begin()
        found: list[asyncpg.Record] = await self._connection.fetch(sql, *values)
        return found

    def record(self, happened: Event, *, expected_version: int | None = None, causation: str | None = None) -> str:
        """As `Session.record`."""
        tenant = self.tenant
        if tenant is None:
            raise RuntimeError("an event belongs to an organisation: the transaction acts for none")
        made = Recording.of(happened, tenant, expected_version=expected_version, causation=causation)
        if made.personal:
            raise RuntimeError("an event with personal data is sealed by a Session: use Transaction")
        self._recorded.append(made)
        return made.id

    def after_commit(self, call: Callable[[], Awaitable[None]]) -> None:
        self._after.append(call)

    async def claim(self, values: dict[str, Any]) -> Any:
        """As `Session.claim`: with the statement that says the tenant, if none was sent yet."""
        said = [values[name] for name in (*_KEYS, "kept")]
        if self._has_begun:
            return await self._connection.fetchrow(_CLAIM, *said)
        await self._send_begin()
        return await self._connection.fetchrow(_OPEN, *said)

    def keep(self, values: dict[str, Any]) -> None:
        """As `Session.keep`."""
        self._kept = values

    async def commit(self) -> None:
        """Appends the recorded events, keeps the answer, commits. Raises ConflictError if another was first."""
        if not self._has_begun and not self._recorded and self._kept is None:
            return
        try:
            with spans.span("commit", "internal", "database", {"events": len(self._recorded)}):
                await self._begin()
                await self._last_words()
                await self._connection.execute("commit")
                self._has_begun = False
        except asyncpg.PostgresError as error:
            raise refusal(error) or error from error
        if self._recorded:
            self._wake()
        for call in self._after:
            await call()

    async def rollback(self) -> None:
        if self._has_begun:
            self._has_begun = False
            await self._connection.execute("rollback")

    async def _last_words(self) -> None:
        if (kept := self._kept) is not None:
            names = (*_KEYS, "fingerprint", "status", "headers", "body")
            await self._connection.fetchrow(_END, batch(self._recorded), *(kept[name] for name in names))
        elif self._recorded:
            await self._connection.fetchrow(_APPEND, batch(self._recorded))

    async def _begin(self) -> None:
        if not self._has_begun:
            await self._send_begin()
            tenant = self.tenant
            values = (tenant.workspace or "", tenant.organisation) if tenant else ("", "")
            await self._connection.fetchrow(_ASSUME, *values)

    async def _send_begin(self) -> None:
        await self._connection.execute("begin")
        self._has_begun = True


class Connections:
    """At most `most` connections of one event loop, which `connect` opens when they are needed."""

    def __init__(self, connect: Callable[[], Awaitable[asyncpg.Connection]], most: int) -> None:
        self._connect = connect
        self._free: list[asyncpg.Connection] = []
        self._turn = asyncio.Semaphore(most)

    @asynccontextmanager
    async def one(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection for the block; one that an error leaves in the middle of something is not used again.

        Raises MachineError if none is free in time, or PostgreSQL cannot be reached.
        """
        try:
            async with asyncio.timeout(_WAIT_S):
                await self._turn.acquire()
        except TimeoutError:
            raise MachineError("every connection to PostgreSQL is in use", remedy="try again") from None
        try:
            connection = await self._open()
            try:
                yield connection
            except BaseException:
                if connection.is_closed() or connection.is_in_transaction():
                    connection.terminate()
                else:
                    self._free.append(connection)
                raise
            self._free.append(connection)
        finally:
            self._turn.release()

    async def row(self, sql: str, *values: Any) -> Sequence[Any] | None:
        """The first row of one statement. Asked again on another connection if one was cut: twice must do no harm."""
        for _ in range(len(self._free)):
            try:
                async with self.one() as connection:
                    return await self._first(connection, sql, values)
            except LOST:
                continue
        async with self.one() as connection:
            return await self._first(connection, sql, values)

    async def close(self) -> None:
        while self._free:
            await self._free.pop().close()

    async def _first(self, connection: asyncpg.Connection, sql: str, values: Sequence[Any]) -> Sequence[Any] | None:
        try:
            found: Sequence[Any] | None = await connection.fetchrow(sql, *values)
        except (*LOST, asyncio.CancelledError):
            # it may be in the middle of an answer
            connection.terminate()
            raise
        return found

    async def _open(self) -> asyncpg.Connection:
        while self._free:
            if not (connection := self._free.pop()).is_closed():
                return connection
        return await self._connect()
