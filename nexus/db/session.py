"""A session: one transaction that acts for a tenant, and publishes what happened only if it commits.

Belongs here: telling PostgreSQL the tenant, recording events, what is called after a commit. Does not belong here: when
to commit: the edge does (api/kernel/transactions.py, a consumer, a job), a service never.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Result, Row, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import ORMExecuteState, SessionTransaction
from sqlalchemy.orm import Session as SyncSession
from sqlalchemy.orm.exc import StaleDataError

from nexus.db.acts import Act, witnessed
from nexus.db.changes import Change, is_witnessed, note_statement, rows_changed
from nexus.db.refusals import refusal
from nexus.events.event import Event, Recording
from nexus.events.log import append, batch
from nexus.personal.vault import sealed
from nexus.telemetry import spans
from nexus.tenancy import Tenant, assume

_OPEN = text("select * from app.open_request(:org, :workspace, :route, :key, :kept)")
_CLAIM = text("select * from app.claim_key(:org, :workspace, :route, :key, :kept)")
_END = text(
    "select app.end_request(cast(:batch as jsonb), :org, :workspace, :route, :key, :fingerprint, :status,"
    " cast(:headers as jsonb), :body)"
)


class _Tenanted(SyncSession):
    """Begins every transaction by saying for whom it is, and notes what changes if somebody's act is to be witnessed."""


@event.listens_for(_Tenanted, "after_begin")
def _begin(session: SyncSession, _: SessionTransaction, connection: Connection) -> None:
    if claim := session.info.pop("claim", None):
        session.info["claimed"] = connection.execute(_OPEN, claim).one()
        return
    sql, values = assume(session.info["tenant"]())
    connection.execute(text(sql), values)


@event.listens_for(_Tenanted, "before_flush")
def _note_rows(session: SyncSession, *_: object) -> None:
    if is_witnessed(session):
        session.info["changes"] += rows_changed(session)


@event.listens_for(_Tenanted, "do_orm_execute")
def _note_statement(state: ORMExecuteState) -> Result[Any] | None:
    return note_statement(state) if is_witnessed(state.session) else None


class Session(AsyncSession):
    """SQLAlchemy's asynchronous session with a tenant and events. `tenant` may be a function: it is asked at the start."""

    sync_session_class = _Tenanted

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        tenant: Tenant | Callable[[], Tenant | None] | None,
        wake: Callable[[], None] | None = None,
    ) -> None:
        """`wake` is called after a commit with events."""
        super().__init__(engine, expire_on_commit=False)
        self._wake = wake
        self._has_told = False
        self._kept: dict[str, Any] | None = None
        self.info["tenant"] = tenant if callable(tenant) else lambda: tenant
        self.info["changes"] = []
        self._recorded: list[Recording] = []
        self._after: list[Callable[[], Awaitable[None]]] = []

    @property
    def tenant(self) -> Tenant | None:
        found = self.info["tenant"]()
        assert found is None or isinstance(found, Tenant)
        return found

    @property
    def act(self) -> Callable[[], Act | None] | None:
        """What somebody does by this transaction, asked when it is about to commit: then witnesses see it, and what changed."""
        found: Callable[[], Act | None] | None = self.info.get("act")
        return found

    @act.setter
    def act(self, act: Callable[[], Act | None]) -> None:
        self.info["act"] = act

    @property
    def changes(self) -> list[Change]:
        """Rows that were written so far, if the transaction has an act."""
        found: list[Change] = self.info["changes"]
        return found

    @property
    def recorded(self) -> Sequence[Recording]:
        """Events that will be written with this transaction."""
        return self._recorded

    async def act_for(self, tenant: Tenant) -> None:
        """From now on this transaction acts for `tenant`: for requests that learn of it on the way, as a sign-in does."""
        self.info["tenant"] = lambda: tenant
        sql, values = assume(tenant)
        await self.execute(text(sql), values)

    async def claim(self, values: dict[str, Any]) -> Row[Any]:
        """What `app.claim_key` says of an Idempotency-Key; with the statement that says the tenant, if none was sent yet."""
        self.info["claim"] = values
        await self.connection()
        self.info.pop("claim", None)
        claimed: Row[Any] | None = self.info.pop("claimed", None)
        return (await self.execute(_CLAIM, values)).one() if claimed is None else claimed

    def keep(self, values: dict[str, Any]) -> None:
        """Keeps an answer under an Idempotency-Key with this transaction."""
        self._kept = values

    def record(
        self,
        happened: Event,
        *,
        expected_version: int | None = None,
        causation: str | None = None,
        tenant: Tenant | None = None,
    ) -> str:
        """Writes the event with this transaction; returns its id.

        `expected_version` is the number of events that its stream must have before (0 for a new one): else the commit
        raises ConflictError. `tenant` is whose it is, if not the transaction's; PostgreSQL lets only `nexus_system` write
        for another. Raises RuntimeError if neither names an organisation.
        """
        tenant = tenant or self.tenant
        if tenant is None:
            raise RuntimeError("an event belongs to an organisation: the transaction acts for none (`act_for`)")
        recording = Recording.of(happened, tenant, expected_version=expected_version, causation=causation)
        self._recorded.append(recording)
        return recording.id

    def after_commit(self, call: Callable[[], Awaitable[None]]) -> None:
        """Calls it once the transaction has committed; never if it has not."""
        self._after.append(call)

    async def commit(self) -> None:
        """Flushes, appends the recorded events, commits. Raises ConflictError if another transaction was first."""
        try:
            with spans.span("commit", "internal", "database", {"events": len(self._recorded)}):
                if self.act is not None and (act := self.act()) is not None:
                    await witnessed(self, act)
                await self.publish()
                await super().commit()
        except (DBAPIError, StaleDataError) as error:
            raise refusal(error) or error from error
        if self._has_told and self._wake is not None:
            self._wake()
        self._has_told = False
        after, self._after = self._after, []
        for call in after:
            await call()

    async def publish(self) -> None:
        """Writes what is pending, and the recorded events after it. The commit does so by itself; earlier is for whoever
        acts for several tenants in one transaction."""
        if self.new or self.dirty or self.deleted:
            await self.flush()
        recorded, self._recorded = self._recorded, []
        kept, self._kept = self._kept, None
        self._has_told = self._has_told or bool(recorded)
        if recorded:
            await sealed(self, [(one.data, one.personal) for one in recorded])
        if kept is not None:
            await self.execute(_END, {"batch": batch(recorded), **kept})
        elif recorded:
            await append(self, recorded)

    async def rollback(self) -> None:
        self._after, self._recorded, self._kept, self._has_told = [], [], None, False
        self.info["changes"] = []
        await super().rollback()
