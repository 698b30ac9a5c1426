"""A saga put together for whoever looks at it."""

from __future__ import annotations

from api.sagas.schemas import AttemptOut, SagaHistoryOut, SagaOut, StepOut
from nexus.db import Session
from nexus.sagas import rows


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
