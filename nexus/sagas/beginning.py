"""Beginning a saga: its rows and its job in the transaction that wants it.

Belongs here: that. Does not belong here: running it (running.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nexus import jobs
from nexus.db import Session
from nexus.ids import new_id
from nexus.sagas import declare, machine
from nexus.sagas.models import SagaRow, StepRow
from nexus.sagas.running import RUN
from nexus.sagas.telling import tell
from nexus.telemetry import context


async def begin(session: Session, name: str, arguments: Mapping[str, Any] | None = None, *, by: str) -> str:
    """Lets a worker take the steps of saga `name` once this transaction has committed; returns its id (`sag_…`).

    `arguments` are JSON, and no secret. Raises NotFoundError for a name that no slice declares, RuntimeError if the
    transaction acts for nobody.
    """
    saga, tenant, now = declare.get(name), session.tenant, context.current()
    if tenant is None:
        raise RuntimeError("a saga belongs to an organisation: the transaction acts for none (`act_for`)")
    id = new_id("sag")
    owner = {"organisation_id": tenant.organisation, "workspace_id": tenant.workspace}
    progress = machine.begin(saga.shapes)
    row = SagaRow(
        id=id,
        name=name,
        state=progress.state,
        is_back=progress.is_back,
        arguments=dict(arguments or {}),
        created_by=by,
        job_id=await jobs.begin(session, RUN, {"saga_id": id}, by=by),
        trace_id=now.trace_id if now else None,
        **owner,
    )
    session.add(row)
    await session.flush()
    for position, (step, state) in enumerate(zip(saga.steps, progress.steps, strict=True)):
        session.add(StepRow(saga_id=id, position=position, name=step.name, state=state, **owner))
    tell(session, "begun", row, by=by)
    await session.flush()
    return id
