"""The job that takes a saga's steps, one call after the other, forward or back.

Belongs here: making a call and noting its outcome in one transaction, retries. Does not belong here: what follows from an
outcome (machine.py).

Whoever makes a call has noted so first (`attempt_id`), and holds the saga's row while it notes the outcome: a worker that
was thought dead finds that it is no longer his, and its effects are rolled back.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func

from nexus.db import Session
from nexus.errors import ConflictError
from nexus.ids import new_id
from nexus.jobs.attempt import DiedError
from nexus.jobs.declare import Again, job, retryable
from nexus.jobs.work import Work
from nexus.sagas import machine, rows
from nexus.sagas.declare import Doing, Step
from nexus.sagas.machine import Call, Progress
from nexus.sagas.models import AttemptRow
from nexus.sagas.telling import tell
from nexus.telemetry import context, spans
from nexus.telemetry.logs import struck

RUN = "sagas.run"
#: So often may the worker die in one call until the call counts as failed.
DEATHS = 5
#: The job itself fails by the database alone; each step has pauses of its own.
_PAUSES = (timedelta(seconds=1), timedelta(seconds=10), *(timedelta(minutes=1),) * 1000)


class OvertakenError(ConflictError):
    """Another worker has taken the saga over."""


@dataclass(frozen=True, slots=True)
class At:
    """One call that is being made. `failures` of the same came before."""

    kept: rows.Kept
    call: Call
    attempt_id: str
    failures: int
    doing: dict[str, Any]

    @property
    def step(self) -> Step:
        return self.kept.saga.steps[self.call.index]


@job(RUN, pauses=_PAUSES, timeout=timedelta(hours=1), deaths=1_000_000)
async def run(work: Work) -> dict[str, Any]:
    """Until the saga has ended or is stuck."""
    id = str(work.arguments["saga_id"])
    while (at := await _next(work, id)) is not None:
        await _make(work, at)
    async with work.transaction() as session:
        return {"saga_id": id, "state": (await rows.row(session, id)).state}


async def _next(work: Work, id: str) -> At | None:
    """Notes that the next call is about to be made; None if there is none."""
    async with work.transaction() as session:
        while True:
            kept = await rows.locked(session, id)
            if kept.row.is_cancel_requested and machine.can_turn(kept.progress, kept.saga.shapes):
                _become(session, kept, machine.turn(kept.progress, kept.saga.shapes))
            call = machine.following(kept.progress, kept.saga.shapes)
            if call is None:
                return None
            before = await rows.attempts_at(session, kept, call)
            if sum(a.finished_at is None for a in before) < DEATHS:
                break
            _turn(session, kept, call, DiedError(f"the worker died {DEATHS} times in it"))
            await session.publish()
        now = context.current()
        attempt = AttemptRow(
            id=new_id("sat"),
            saga_id=id,
            position=call.index,
            organisation_id=kept.row.organisation_id,
            workspace_id=kept.row.workspace_id,
            is_compensation=call.is_compensation,
            number=len(before) + 1,
            trace_id=now.trace_id if now else None,
        )
        session.add(attempt)
        kept.row.attempt_id = attempt.id
        await session.flush()
        return At(kept, call, attempt.id, sum(a.error is not None for a in before), _doing(kept, call))


def _doing(kept: rows.Kept, call: Call) -> dict[str, Any]:
    step = kept.steps[call.index]
    reached = kept.steps[: call.index + call.is_compensation]
    return {
        "saga_id": kept.row.id,
        "key": f"{kept.row.id}:{step.name}{':undo' if call.is_compensation else ''}",
        "arguments": kept.row.arguments,
        "done": {s.name: s.result for s in reached},
        "tenant": kept.tenant,
        "by": kept.row.created_by,
        "begun_at": kept.row.created_at,
    }


async def _make(work: Work, at: At) -> None:
    name = f"{'undo' if at.call.is_compensation else 'step'} {at.kept.row.name}.{at.step.name}"
    try:
        with spans.span(name, "internal", "worker", {"saga.id": at.kept.row.id}):
            if at.step.is_outside:
                result = await _call(at, None)
                async with work.transaction() as session:
                    await _note(session, at, result)
            else:
                async with work.system() if at.step.is_system else work.transaction() as session:
                    await _mine(session, at)
                    result = await _call(at, session)
                    # it may have looked at somebody else's rows
                    await session.act_for(at.kept.tenant)
                    await _note(session, at, result)
    except OvertakenError:
        raise
    except Again:
        async with work.transaction() as session:
            await _mine(session, at)
            await _finish(session, at, None)
        raise
    except Exception as error:  # noqa: BLE001
        # whatever a step raises is its outcome
        await _fail(work, at, error)


async def _call(at: At, session: Session | None) -> Any:
    act = at.step.compensate if at.call.is_compensation else at.step.act
    assert act is not None
    async with asyncio.timeout(at.step.timeout.total_seconds()):
        return await act(Doing(**at.doing, _session=session))


async def _mine(session: Session, at: At) -> rows.Kept:
    """The saga, held for as long as the transaction lasts."""
    kept = await rows.locked(session, at.kept.row.id)
    if kept.row.attempt_id != at.attempt_id:
        raise OvertakenError("another worker has taken the saga over")
    return kept


async def _note(session: Session, at: At, result: Any) -> None:
    kept = await _mine(session, at)
    await _finish(session, at, None)
    if not at.call.is_compensation:
        kept.steps[at.call.index].result = result
    _become(session, kept, machine.succeeded(kept.progress, kept.saga.shapes, at.call))


async def _fail(work: Work, at: At, error: Exception) -> None:
    is_again = retryable(error) and at.failures < len(at.step.pauses)
    async with work.transaction() as session:
        kept = await _mine(session, at)
        await _finish(session, at, told(error))
        kept.row.attempt_id = None
        if not is_again:
            _turn(session, kept, at.call, error)
    if is_again:
        raise Again(at.step.pauses[at.failures])


def _turn(session: Session, kept: rows.Kept, call: Call, error: Exception) -> None:
    """Takes on what follows from a call that has failed for good."""
    progress = machine.failed(kept.progress, kept.saga.shapes, call)
    step = kept.saga.steps[call.index].name
    if progress.state == "stuck":
        tell(session, "stuck", kept.row, step=step, is_compensation=call.is_compensation, error=told(error))
    else:
        tell(session, "turned", kept.row, step=step, error=told(error))
    _become(session, kept, progress)


def _become(session: Session, kept: rows.Kept, progress: Progress) -> None:
    kept.become(progress)
    if progress.state in {"succeeded", "compensated"}:
        tell(session, progress.state, kept.row)


async def _finish(session: Session, at: At, error: str | None) -> None:
    attempt = await session.get_one(AttemptRow, at.attempt_id)
    attempt.finished_at, attempt.error = func.clock_timestamp(), error  # type: ignore[assignment]


def told(error: Exception) -> str:
    """An error as it may be shown: by kind and text, without what is secret."""
    return struck(f"{type(error).__name__}: {error}")[:500].replace("\0", "")
