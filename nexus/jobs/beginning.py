"""Beginning a job: a row in the transaction that wants it, so that it runs once if that commits, and not otherwise.

Belongs here: what a caller says, what is carried along. Does not belong here: running (attempt.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from nexus import operations
from nexus.db import Session
from nexus.ids import new_id
from nexus.jobs import declare, rows
from nexus.operations import Operation
from nexus.telemetry import context


async def begin(
    session: Session,
    name: str,
    arguments: Mapping[str, Any] | None = None,
    *,
    by: str,
    id: str | None = None,
    operation: str | None = None,
    share: str | None = None,
) -> str:
    """Lets a worker do the job `name` once this transaction has committed; returns the job's id (`job_…`).

    It runs for the transaction's tenant and carries its trace. `arguments` are JSON, and no secret; `by` is whoever asks.
    With an `id` that there is already, nothing more is begun. Jobs of one `share`, such as what all of them call, hold few of a
    worker's places: whatever they wait for, nobody else waits. Raises NotFoundError for a name that no slice declares.
    """
    declare.get(name)
    tenant, now = session.tenant, context.current()
    values = {
        "id": id or new_id("job"),
        "name": name,
        "organisation_id": tenant.organisation if tenant else None,
        "workspace_id": tenant.workspace if tenant else None,
        "arguments": dict(arguments or {}),
        "operation_id": operation,
        "share": share,
        "created_by": by,
        "traceparent": now.traceparent if now else None,
        "correlation_id": now.correlation if now else None,
        "causation_id": now.causation if now else None,
    }
    await rows.add(session, values)
    return str(values["id"])


async def hurry(session: Session, id: str) -> None:
    """Lets a job that waits for its next attempt begin it at once. Raises NotFoundError."""
    row = await rows.get(session, id, to_change=True)
    if row.state == "waiting":
        await rows.change(session, id, state="waiting", next_at=timedelta(0))


async def operation(session: Session, name: str, arguments: Mapping[str, Any] | None = None, *, by: str) -> Operation:
    """The same for a request that answers 202: an operation that tells what comes of the job, which ends it.

    return accepted(response, await jobs.operation(session, "reports.export", {"month": "2026-03"}, by=caller.id))
    """
    made = await operations.begin(session, name, by)
    await begin(session, name, arguments, by=by, operation=made.id)
    return made
