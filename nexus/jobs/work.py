"""What a job is given: its arguments, transactions of its tenant, and parts that have their effect once.

Belongs here: that object. Does not belong here: attempts and what becomes of errors (attempt.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import orjson
from sqlalchemy import text

from nexus import operations
from nexus.db import Database, Session, Tenant
from nexus.jobs import rows


class Work:
    """One attempt at a job. A worker may die in it, so a later attempt begins at its start: what must not happen twice
    belongs into `once`, and what goes to another system carries `key`."""

    def __init__(self, database: Database, row: rows.Row) -> None:
        self._database = database
        self._row = row
        self.id = row.id
        self.name = row.name
        self.arguments: dict[str, Any] = row.arguments
        #: whose it is; None for a schedule
        self.tenant: Tenant | None = row.tenant
        #: who asked for it
        self.by = row.created_by
        #: counts from 1
        self.attempt = row.attempts
        #: the same in every attempt: an idempotency key for other systems
        self.key = row.id

    def transaction(self) -> AbstractAsyncContextManager[Session]:
        """One transaction that sees what a request of the tenant would see; a schedule's sees everything."""
        return self._database.transaction(self.tenant) if self.tenant else self._database.system()

    def system(self) -> AbstractAsyncContextManager[Session]:
        """One transaction over every tenant, as `nexus_system`; what it records belongs to the job's tenant."""
        return self._database.system(self.tenant)

    async def once(self, part: str, call: Callable[[Session], Awaitable[Any]], *, system: bool = False) -> Any:
        """What `call` gave, now or in an earlier attempt: its effects and the note that it is done are one transaction.

        The result is kept as JSON. `part` tells the parts of a job apart.
        """
        async with self.system() if system else self.transaction() as session:
            values = {
                "job": self.id,
                "part": part,
                "organisation": self._row.organisation_id,
                "workspace": self._row.workspace_id,
            }
            is_new = await session.scalar(
                text(
                    "insert into app.job_part (job_id, part, organisation_id, workspace_id)"
                    " values (:job, :part, :organisation, :workspace) on conflict do nothing returning true"
                ),
                values,
            )
            if not is_new:
                kept = "select result from app.job_part where job_id = :job and part = :part"
                return await session.scalar(text(kept), values)
            result = await call(session)
            noted = "update app.job_part set result = cast(:result as jsonb) where job_id = :job and part = :part"
            await session.execute(text(noted), {**values, "result": orjson.dumps(result).decode()})
            return result

    async def note(self, progress: float, said: str | None = None) -> bool:
        """Notes how far it is (0 to 1); False if it should stop, because that was asked for."""
        async with self.transaction() as session:
            await rows.change(session, self.id, note=said)
            row = await rows.get(session, self.id)
            goes_on = not row.is_cancel_requested
            if row.operation_id is not None:
                goes_on = await operations.note(session, row.operation_id, progress, said) and goes_on
            return goes_on
