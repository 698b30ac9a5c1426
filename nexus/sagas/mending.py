"""What an operator does with a saga: cancel it, or retry, skip or abandon what is stuck; each told with a reason.

Belongs here: those. Does not belong here: who may (api/sagas), what they lead to (machine.py).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import func

from nexus import jobs
from nexus.db import Session
from nexus.errors import ConflictError
from nexus.sagas import machine, rows
from nexus.sagas.machine import Progress
from nexus.sagas.models import SagaRow
from nexus.sagas.running import RUN
from nexus.sagas.telling import tell


async def retry(session: Session, id: str, *, by: str, reason: str) -> SagaRow:
    """Lets a stuck saga go on with the call at which it is. Raises NotFoundError; ConflictError if it is not stuck."""
    return await _mend(session, id, "retried", by, reason)


async def skip(session: Session, id: str, *, by: str, reason: str) -> SagaRow:
    """Lets it go on as if that call had been made. Raises as `retry`."""
    return await _mend(session, id, "skipped", by, reason)


async def abandon(session: Session, id: str, *, by: str, reason: str) -> SagaRow:
    """Leaves it as it is, for ever. Raises as `retry`."""
    return await _mend(session, id, "abandoned", by, reason)


async def cancel(session: Session, id: str, *, by: str, reason: str) -> SagaRow:
    """Lets it undo what it has done, once the call that is being made has ended. Raises NotFoundError; ConflictError if
    there is no way back any more."""
    kept = await rows.locked(session, id)
    if not machine.can_turn(kept.progress, kept.saga.shapes):
        raise ConflictError(
            f"the saga is {kept.row.state}, and there is no way back", remedy="GET /v1/sagas/{id} shows how far it is"
        )
    async with _of_its_tenant(session, kept):
        if not kept.row.is_cancel_requested:
            kept.row.is_cancel_requested = True
            tell(session, "cancelled", kept.row, by=by, reason=reason)
            await jobs.hurry(session, kept.row.job_id)
    return kept.row


@asynccontextmanager
async def _of_its_tenant(session: Session, kept: rows.Kept) -> AsyncIterator[None]:
    """A request about the organisation sees sagas of its workspaces, and changes them as one of theirs."""
    caller = session.tenant
    await session.act_for(kept.tenant)
    yield
    await session.publish()
    await session.refresh(kept.row)
    if caller is not None:
        await session.act_for(caller)


async def _mend(session: Session, id: str, how: str, by: str, reason: str) -> SagaRow:
    kept = await rows.locked(session, id)
    at = machine.stuck_at(kept.progress, kept.saga.shapes)
    if at is None:
        raise ConflictError(f"the saga is {kept.row.state}, not stuck", remedy="GET /v1/sagas/{id} shows how far it is")
    async with _of_its_tenant(session, kept):
        progress = _follows(how, kept)
        kept.become(progress)
        kept.row.mended_at = func.clock_timestamp()  # type: ignore[assignment]
        if progress.state in {"running", "compensating"}:
            kept.row.job_id = await jobs.begin(session, RUN, {"saga_id": id}, by=by)
        tell(session, how, kept.row, step=kept.steps[at.index].name, by=by, reason=reason)
        if progress.state in {"succeeded", "compensated"}:
            tell(session, progress.state, kept.row)
    return kept.row


def _follows(how: str, kept: rows.Kept) -> Progress:
    if how == "retried":
        return machine.retry(kept.progress)
    if how == "skipped":
        return machine.skip(kept.progress, kept.saga.shapes)
    return machine.abandon(kept.progress)
