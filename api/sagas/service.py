"""A saga put together for whoever looks at it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from api.sagas import repository
from api.sagas.schemas import AttemptOut, SagaHistoryOut, SagaOut, StepOut
from nexus.db import Session, Tenant
from nexus.sagas import rows

_TOLD = {
    "begun": "begun", "turned": "turned back: what was done is undone", "stuck": "stuck: it waits for an operator",
    "succeeded": "succeeded", "compensated": "everything is undone", "cancelled": "cancelled",
    "retried": "let go on: the call is made again", "skipped": "let go on without the step", "abandoned": "left as it is",
}  # fmt: skip


async def history(session: Session, id: str) -> SagaHistoryOut:
    """Raises NotFoundError, also for one of another organisation."""
    found = await rows.row(session, id)
    made = await rows.attempts(session, id)
    steps = [
        StepOut(
            name=step.name,
            state=step.state,  # type: ignore[arg-type]
            attempts=[AttemptOut.model_validate(a) for a in made if a.position == step.position],
        )
        for step in await rows.steps(session, id)
    ]
    return SagaHistoryOut(**SagaOut.model_validate(found).model_dump(), steps=steps)


@dataclass(frozen=True, slots=True)
class Happened:
    """One line of what happened to a saga: a call of a step, or what became of it and who wanted that."""

    at: datetime
    what: str
    outcome: str
    trace_id: str | None = None


async def happened(session: Session, saga: SagaHistoryOut) -> list[Happened]:
    """Every call and every event of a saga that the transaction's organisation has, oldest first."""
    assert session.tenant is not None
    await session.act_for(Tenant(session.tenant.organisation, saga.workspace_id))
    said = []
    for at, type, data in await repository.told(session, saga.id):
        by, reason = data.get("by"), data.get("reason")
        of = f", step {data['step']}" if "step" in data else ""
        who = f"by {by}" if by else ""
        said.append(Happened(at, f"{_TOLD.get(type, type)}{of}", f"{who}: {reason}" if reason else who))
    return sorted([*said, *_calls(saga)], key=lambda one: one.at)


def _calls(saga: SagaHistoryOut) -> Iterator[Happened]:
    for step in saga.steps:
        for call in step.attempts:
            what = f"{'undo' if call.is_compensation else 'do'} {step.name}, call {call.number}"
            if call.finished_at is None:
                outcome = "goes on, or its worker died"
            else:
                took = (call.finished_at - call.started_at).total_seconds()
                outcome = f"{call.error or 'done'} ({took:.2f} s)"
            yield Happened(call.started_at, what, outcome, call.trace_id)
