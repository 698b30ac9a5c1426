"""One attempt at a job, and what becomes of it: done, another attempt after a pause, or failed.

Belongs here: the states of a row around the slice's function. Does not belong here: who calls it, and when (engine.py).
"""

from __future__ import annotations

import asyncio
import logging
import random
from datetime import timedelta
from typing import Any

from nexus import operations
from nexus.db import Database, Session
from nexus.errors import NexusError, NotFoundError
from nexus.jobs import declare, rows
from nexus.jobs.declare import Again, Job
from nexus.jobs.work import Work
from nexus.telemetry import context, spans
from nexus.telemetry.logs import struck

_log = logging.getLogger("nexus.jobs")
#: Until a worker is asked again for a job that it does not know: one of a newer release may.
UNKNOWN = timedelta(minutes=1)


class DiedError(NexusError):
    """The worker died so often in a job that the job is to blame."""

    code = "worker_died"


async def attempt(database: Database, id: str) -> None:
    """Runs the job if it is still to be run. Raises only what keeps its row from being written: call it again then."""
    async with database.system() as session:
        # an attempt that waited for months may find that the job ended otherwise, and was forgotten
        row = await rows.find(session, id, to_change=True)
        found = None if row is None else await _begun(session, row)
    if found is None:
        return
    job, row = found
    begun = context.begin(row.traceparent, correlation=row.correlation_id, causation=row.causation_id)
    begun.organisation, begun.workspace = row.organisation_id, row.workspace_id
    token = context.set_current(begun)
    try:
        result = await _called(job, Work(database, row))
        await _ended(database, row, result)
    except Again as again:
        await _waits(database, row, again.after)
    except Exception as error:  # noqa: BLE001
        # whatever a job raises is its outcome; a row that cannot be written raises from here once more
        await _failed(database, job, row, error)
    finally:
        context.reset(token)


async def _begun(session: Session, row: rows.Row) -> tuple[Job, rows.Row] | None:
    """Notes that an attempt begins; None if there is nothing to do."""
    if row.state in rows.ENDED:
        return None
    if row.is_cancel_requested or await _is_unwanted(session, row):
        await rows.change(session, row.id, state="cancelled")
        await _tell_operation(session, row, is_cancelled=True)
        return None
    try:
        job = declare.get(row.name)
    except NotFoundError as error:
        await rows.change(session, row.id, state="waiting", error=error.message, next_at=UNKNOWN)
        return None
    # nobody else writes `running`: whoever began it has died, or is about to find that it is no longer his
    deaths = row.deaths + (row.state == "running")
    if deaths > job.deaths:
        error_ = DiedError(f"the worker died {deaths} times in it")
        await rows.change(session, row.id, state="failed", deaths=deaths, error=error_.message)
        await _tell_operation(session, row, error=error_)
        return None
    if row.operation_id is not None:
        # in the transaction that begins the attempt: whoever cancels from here on is not told that nothing was done
        await operations.start(session, row.operation_id)
    await rows.start(session, row.id, deaths)
    return job, await rows.get(session, row.id)


async def _is_unwanted(session: Session, row: rows.Row) -> bool:
    """Whether its operation was cancelled. If not, nobody cancels it before this transaction has ended."""
    if row.operation_id is None:
        return False
    found = await operations.get(session, row.operation_id, to_change=True)
    return found.status in operations.ENDED or found.is_cancel_requested


async def _called(job: Job, work: Work) -> dict[str, Any] | None:
    with spans.span(f"job {job.name}", "consumer", "worker", {"job.id": work.id, "job.attempt": work.attempt}):
        async with asyncio.timeout(job.timeout.total_seconds()):
            return await job.handle(work)


async def _mine(session: Session, row: rows.Row) -> bool:
    """Whether this attempt is still the newest: a worker that was thought dead may wake up late."""
    now = await rows.find(session, row.id, to_change=True)
    is_mine = now is not None and (now.state, now.attempts) == ("running", row.attempts)
    if not is_mine:
        _log.warning("attempt %s at job %s came too late: another has taken over", row.attempts, row.id)
    return is_mine


async def _ended(database: Database, row: rows.Row, result: dict[str, Any] | None) -> None:
    async with database.system() as session:
        if await _mine(session, row):
            now = await rows.get(session, row.id)
            is_cancelled = result is None and (now.is_cancel_requested or await _is_unwanted(session, row))
            await rows.change(
                session, row.id, state="cancelled" if is_cancelled else "succeeded", result=result, error=None
            )
            await _tell_operation(session, row, result, is_cancelled=is_cancelled)


async def _waits(database: Database, row: rows.Row, pause: timedelta) -> None:
    async with database.system() as session:
        if await _mine(session, row):
            await rows.change(session, row.id, state="waiting", next_at=pause)


async def _failed(database: Database, job: Job, row: rows.Row, error: Exception) -> None:
    told = struck(f"{type(error).__name__}: {error}")[:2000].replace("\0", "")
    is_over = not declare.retryable(error) or row.failures >= len(job.pauses)
    async with database.system() as session:
        if not await _mine(session, row):
            return
        if is_over:
            await rows.change(session, row.id, state="failed", failures=row.failures + 1, error=told)
            await _tell_operation(session, row, error=error if isinstance(error, NexusError) else _hidden())
        else:
            pause = job.pauses[row.failures] * random.uniform(1.0, 1.2)
            await rows.change(
                session, row.id, state="waiting", failures=row.failures + 1, error=told, next_at=pause
            )  # fmt: skip
    level = logging.ERROR if is_over else logging.WARNING
    _log.log(level, "job %s %s: attempt %s failed: %s", row.name, row.id, row.attempts, told, exc_info=error)


def _hidden() -> NexusError:
    """What a mistake of ours says to a caller: the rest is in the log."""
    return NexusError(
        "something broke while it was done", remedy="tell whoever runs Nexus; the log of the worker says more"
    )


async def _tell_operation(
    session: Session,
    row: rows.Row,
    result: dict[str, Any] | None = None,
    error: NexusError | None = None,
    *,
    is_cancelled: bool = False,
) -> None:
    if row.operation_id is None:
        return
    found = await operations.get(session, row.operation_id)
    if found.status in operations.ENDED:
        return
    if is_cancelled:
        found = await operations.cancel(session, found.id)
    if found.status not in operations.ENDED:
        await operations.end(session, found.id, None if is_cancelled or error else result or {}, error)
