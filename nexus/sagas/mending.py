"""What an operator does with a saga that is stuck: retry, skip, abandon; each told as an event, with a reason.

Belongs here: those. Does not belong here: who may (api/sagas), what they lead to (machine.py).
"""

from __future__ import annotations

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


async def _mend(session: Session, id: str, how: str, by: str, reason: str) -> SagaRow:
    kept = await rows.locked(session, id)
    caller = session.tenant
    # a request about the organisation sees sagas of its workspaces, and changes them as one of theirs
    await session.act_for(kept.tenant)
    at = machine.stuck_at(kept.progress, kept.saga.shapes)
    if at is None:
        raise ConflictError(f"the saga is {kept.row.state}, not stuck", remedy="GET /v1/sagas/{id} shows how far it is")
    progress = _follows(how, kept)
    kept.become(progress)
    kept.row.mended_at = func.clock_timestamp()  # type: ignore[assignment]
    if progress.state in {"running", "compensating"}:
        kept.row.job_id = await jobs.begin(session, RUN, {"saga_id": id}, by=by)
    tell(session, how, kept.row, step=kept.steps[at.index].name, by=by, reason=reason)
    if progress.state in {"succeeded", "compensated"}:
        tell(session, progress.state, kept.row)
    await session.publish()
    await session.refresh(kept.row)
    if caller is not None:
        await session.act_for(caller)
    return kept.row


def _follows(how: str, kept: rows.Kept) -> Progress:
    if how == "retried":
        return machine.retry(kept.progress)
    if how == "skipped":
        return machine.skip(kept.progress, kept.saga.shapes)
    return machine.abandon(kept.progress)
