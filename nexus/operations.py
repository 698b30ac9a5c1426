"""Long work that a request began: what it is, how far it has come, what came of it.

Belongs here: the table, its states, what a worker notes. Does not belong here: doing the work, HTTP (api/operations).

    pending ──▶ running ──▶ succeeded | failed
        └──────────┴──────▶ cancelled      (once the worker has seen that it was asked for)
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Text, func, select
from sqlalchemy.dialects.postgresql import JSONB, REAL
from sqlalchemy.orm import Mapped, mapped_column

from nexus.db import Base, Session, Timestamps, Versioned
from nexus.errors import ConflictError, NexusError, NotFoundError
from nexus.ids import new_id

ENDED = frozenset({"succeeded", "failed", "cancelled"})


class Operation(Timestamps, Versioned, Base):
    """One piece of long work of a workspace, or (without one) of an organisation."""

    __tablename__ = "operation"
    __table_args__ = (Index(None, "organisation_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str]
    workspace_id: Mapped[str | None]
    kind: Mapped[str]
    status: Mapped[str]
    progress: Mapped[float | None] = mapped_column(REAL)
    note: Mapped[str | None] = mapped_column(Text)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    is_cancel_requested: Mapped[bool]
    created_by: Mapped[str]
    finished_at: Mapped[datetime | None]


async def begin(session: Session, kind: str, by: str) -> Operation:
    """Notes that work was asked for, in the transaction of the request that asks; `kind` is `<domain>.<what>`.

    Raises RuntimeError if the transaction acts for nobody.
    """
    tenant = session.tenant
    if tenant is None:
        raise RuntimeError("long work belongs to an organisation: the transaction acts for none")
    made = Operation(
        id=new_id("op"),
        organisation_id=tenant.organisation,
        workspace_id=tenant.workspace,
        kind=kind,
        status="pending",
        is_cancel_requested=False,
        created_by=by,
    )
    session.add(made)
    await session.flush()
    return made


async def get(session: Session, id: str, *, to_change: bool = False) -> Operation:
    """Raises NotFoundError, also for one of another tenant."""
    found = await session.get(Operation, id, with_for_update=to_change or None, populate_existing=True)
    if found is None:
        raise NotFoundError("there is no such operation")
    return found


async def start(session: Session, id: str) -> None:
    """Notes that work begins: from here on it is only asked to stop. Raises ConflictError if it has ended."""
    found = await get(session, id, to_change=True)
    if found.status in ENDED:
        raise ConflictError(f"the operation has {found.status} already")
    found.status = "running"
    await session.flush()


async def note(session: Session, id: str, progress: float, text: str | None = None) -> bool:
    """Notes how far the work is (0 to 1); False if it should stop, because that was asked for or it has ended."""
    found = await get(session, id, to_change=True)
    if found.status in ENDED or found.is_cancel_requested:
        return False
    found.status, found.progress, found.note = "running", progress, text
    await session.flush()
    return True


async def end(
    session: Session, id: str, result: dict[str, Any] | None = None, error: NexusError | None = None
) -> Operation:
    """Notes what came of it. Work that was asked to stop, and gives no result, is cancelled. Raises ConflictError if it
    has ended already."""
    found = await get(session, id, to_change=True)
    if found.status in ENDED:
        raise ConflictError(f"the operation has {found.status} already")
    if error is not None:
        found.status = "failed"
        found.error = {"code": error.code, "detail": error.message, "remedy": error.remedy}
    elif result is None and found.is_cancel_requested:
        found.status = "cancelled"
    else:
        found.status, found.progress, found.result = "succeeded", 1.0, result
    found.finished_at = await session.scalar(select(func.now()))
    await session.flush()
    return found


async def cancel(session: Session, id: str) -> Operation:
    """Asks the work to stop; what has not begun is cancelled at once. Raises ConflictError if it has ended."""
    found = await get(session, id, to_change=True)
    if found.status in ENDED:
        raise ConflictError(f"the operation has {found.status} already")
    found.is_cancel_requested = True
    if found.status == "pending":
        found.status = "cancelled"
        found.finished_at = await session.scalar(select(func.now()))
    await session.flush()
    return found
