"""A transaction straight through the driver: for the endpoints that are asked thousands of times.

Belongs here: the same promises as `Session` (tenant, events, Idempotency-Key, nothing told on rollback) without its ORM,
which costs a request more than everything else together (docs/performance-of-the-api.md). Does not belong here: when to
commit: the edge does; what the audit log is to witness, and events with personal data: those need a `Session`.

What an endpoint asks for decides how many trips to the server there are. `get`, `page` and `read` are one statement each, and
so is whatever adds and records alone: it is sent at the commit (at_once.py). What locks or changes a row begins a
transaction that stays open. What is added is seen by nobody before the commit, the transaction itself neither.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import asyncpg

from nexus.db import at_once, objects
from nexus.db.acts import Act
from nexus.db.at_once import Again, Proof, Shape
from nexus.db.connections import LOST, Connections, answering
from nexus.db.models import Base
from nexus.db.objects import Row
from nexus.db.refusals import refusal
from nexus.errors import ConflictError, MachineError
from nexus.events import first
from nexus.events.event import Event, Recording
from nexus.events.log import batch
from nexus.telemetry import spans
from nexus.tenancy import Tenant

_CLAIM = "select * from app.claim_key($1, $2, $3, $4, $5)"
_END = "select app.end_request($1, $2, $3, $4, $5, $6, $7, $8, $9)"
#: Seconds in which a server says that it has rolled back; else the connection is closed, which comes to the same.
ROLLBACK_WITHIN = 2.0
_KEYS = ("org", "workspace", "route", "key")


def _nothing() -> None:
    return None


class Direct:
    """One transaction for a tenant, which begins with the first statement. Statements take `$1`, `$2`, … and nothing else.

    `owed` gives what is still to be proved of the caller, once: whoever has it proves it. What a query of its own has proved
    is proved again by what writes after it: a revocation in between counts. A `is_short` one believes that an
    Idempotency-Key is new until the server says so, and raises Again where it is not.
    """

    def __init__(
        self,
        connections: Connections,
        tenant: Callable[[], Tenant | None],
        wake: Callable[[], None],
        owed: Callable[[], Proof | None] = _nothing,
        is_short: bool = False,
    ) -> None:
        self._connections, self._tenant, self._wake, self._owed = connections, tenant, wake, owed
        self.is_short = is_short
        #: what somebody does by it, if the audit log is to witness it; this transaction cannot be witnessed
        self.act: Callable[[], Act | None] = _nothing
        self._asked: Proof | None = None
        self._open: asyncpg.Connection | None = None
        self._inserts: list[tuple[Shape, tuple[Any, ...]]] = []
        self._recorded: list[Recording] = []
        self._claim: dict[str, Any] | None = None
        self._kept: dict[str, Any] | None = None
        self._after: list[Callable[[], Awaitable[None]]] = []

    @property
    def tenant(self) -> Tenant | None:
        return self._tenant()

    async def get(self, model: type[Row], id: str, *, to_change: bool = False) -> Row | None:
        """The row of that id; `to_change` keeps others from changing it meanwhile."""
        shown = objects.of(model)
        sql = shown.get(to_change=to_change)
        found = await self.row(sql, id) if to_change else next(iter(await self.read(sql, id)), None)
        return shown.made(found) if found is not None else None

    async def page(
        self, model: type[Row], by: Sequence[str], after: Sequence[Any] | None, most: int, *, descending: bool
    ) -> list[Row]:
        """At most `most` rows in the order of the columns `by`, behind the one that has the values `after`."""
        shown = objects.of(model)
        sql = shown.page(by, has_start=after is not None, descending=descending)
        return [shown.made(found) for found in await self.read(sql, *(after or ()), most)]

    async def read(self, sql: str, *values: Any) -> Sequence[Mapping[str, Any]]:
        """Rows of a query that locks nothing: a statement of its own, unless a transaction is open or an Idempotency-Key
        is to be asked about first."""
        if self._open is not None or self._claim is not None:
            return await self.rows(sql, *values)
        if (proof := self._owed()) is not None:
            self._asked = proof
        statement = at_once.query(sql, len(values), proof and proof.sql, len(proof.values) if proof else 0)
        # one row stands on the outer side of the join, so the rows keep the order of `sql`
        found = await self._connections.read(statement, (*values, *self._opening(proof)))
        has_opened, is_row, *_ = found[0]
        if not has_opened:
            raise Again
        return found if is_row else []

    async def row(self, sql: str, *values: Any) -> asyncpg.Record | None:
        """The first row. Raises what the driver raises: the edge makes a problem of a lost race."""
        connection = await self._begun()
        with answering():
            return await connection.fetchrow(sql, *values)

    async def rows(self, sql: str, *values: Any) -> list[asyncpg.Record]:
        connection = await self._begun()
        with answering():
            found: list[asyncpg.Record] = await connection.fetch(sql, *values)
        return found

    def insert(self, table: str, **values: Any) -> None:
        """A row of `table`, before the events of this transaction. Names are the code's own, never a caller's."""
        self._inserts.append(((table, tuple(values)), tuple(values.values())))

    def add(self, row: Base) -> None:
        """A new row, before the events of this transaction. What was left out is set (objects.completed)."""
        self.insert(objects.of(type(row)).table, **objects.completed(row))

    async def change(self, row: Base, **values: Any) -> None:
        """Sets attributes and columns of a row that `get` has locked; counts its version. Raises ConflictError if it is gone."""
        shown = objects.of(type(row))
        said = shown.written(values)
        found = await self.row(shown.change(tuple(said)), getattr(row, shown.key), *said.values())
        if found is None:
            raise ConflictError("it was removed meanwhile", remedy="look at what is there")
        for name, value in shown.read(found).items():
            setattr(row, name, value)

    async def remove(self, row: Base) -> None:
        shown = objects.of(type(row))
        await self.row(shown.remove, getattr(row, shown.key))

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
        """As `Session.claim`; a short one says that the key is new, and asks with its first statement."""
        if self.is_short and self._open is None:
            self._claim = values
            return True, None, None, None, None
        connection = await self._begun()
        return await connection.fetchrow(_CLAIM, *(values[name] for name in (*_KEYS, "kept")))

    def keep(self, values: dict[str, Any]) -> None:
        """As `Session.keep`."""
        self._kept = values

    async def commit(self) -> None:
        """Writes what is to be written, and commits. Raises ConflictError if another was first, Again as the class says.

        RuntimeError if it writes by an administrative permission: the audit log would not have it.
        """
        if (self._open is not None or self._inserts or self._recorded) and self.act() is not None:
            raise RuntimeError("the audit log is to have what this changes, and sees Sessions alone: use Transaction")
        try:
            if self._open is not None or self._inserts or self._recorded or self._kept is not None:
                with spans.span("commit", "internal", "database", {"events": len(self._recorded)}):
                    with answering():
                        await (self._at_once() if self._open is None else self._at_last(self._open))
            elif proof := self._owed():
                await self._prove(proof)
        except asyncpg.PostgresError as error:
            raise refusal(error) or error from error
        if self._recorded:
            self._wake()
        for call in self._after:
            await call()

    async def close(self) -> None:
        """Rolls back what was not committed. It is of no more use."""
        # they lead to the request, which leads here: all of it would wait for the collector
        self._tenant = self._owed = self.act = _nothing
        if (connection := self._open) is not None:
            self._open, is_whole = None, False
            try:
                with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                    await connection.execute("rollback", timeout=ROLLBACK_WITHIN)
                    is_whole = True
            finally:
                self._connections.give_back(connection, is_whole=is_whole)

    async def _at_once(self) -> None:
        """Everything in one statement, which is the transaction."""
        proof, key, self._claim = self._owed() or self._asked, self._claim, None
        shapes = tuple(shape for shape, _ in self._inserts)
        told: at_once.Told = "nothing"
        values = list(self._opening(proof))
        if key:
            kept = self._kept or {}
            values += [*(key[name] for name in at_once.KEY), *(kept.get(name) for name in at_once.KEPT)]
        if self.is_short and first.is_first(self._recorded):
            told, values = "first", [*values, *first.values(self._recorded[0])]
        elif self._recorded:
            told, values = "batch", [*values, batch(self._recorded)]
        sql = at_once.change(shapes, proof and proof.sql, len(proof.values) if proof else 0, key is not None, told)
        for _, row in self._inserts:
            values += row
        ((has_opened,),) = await self._connections.once(sql, values)
        if not has_opened:
            raise Again

    async def _at_last(self, connection: asyncpg.Connection) -> None:
        for shape, row in self._inserts:
            await connection.execute(at_once.insert(shape), *row)
        if self._kept is not None or self._recorded:
            kept = self._kept or {}
            said = [kept.get(name) for name in (*_KEYS, *at_once.KEPT)]
            await connection.fetchrow(_END, batch(self._recorded), *said)
        await connection.execute("commit")
        self._open = None
        self._connections.give_back(connection)

    async def _prove(self, proof: Proof) -> None:
        """That the caller is who it was believed to be, of a transaction that has asked for nothing."""
        sql = at_once.begin(proof.sql, len(proof.values), has_key=False)
        ((holds,),) = await self._connections.read(sql, self._opening(proof))
        if not holds:
            raise Again

    async def _begun(self) -> asyncpg.Connection:
        """The connection of the transaction, which is open and acts for its tenant."""
        if self._open is None:
            self._open = await self._connections.take()
            try:
                with answering():
                    await self._begin(self._open)
            except (*LOST, MachineError, asyncio.CancelledError):
                self._connections.give_back(self._open, is_whole=False)
                self._open = None
                raise
        return self._open

    async def _begin(self, connection: asyncpg.Connection) -> None:
        proof, key, self._claim = self._owed() or self._asked, self._claim, None
        sql = at_once.begin(proof and proof.sql, len(proof.values) if proof else 0, key is not None)
        await connection.execute("begin")
        said = (key[name] for name in at_once.KEY) if key else ()
        if not await connection.fetchval(sql, *self._opening(proof), *said):
            raise Again

    def _opening(self, proof: Proof | None) -> tuple[Any, ...]:
        tenant = self.tenant
        said = (tenant.workspace or "", tenant.organisation) if tenant else ("", "")
        return (*said, *proof.values) if proof else said
