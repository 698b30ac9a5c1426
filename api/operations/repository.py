"""Reading operations of the tenant."""

from __future__ import annotations

from sqlalchemy import select

from api.kernel.pages import Cut, Rows, paged
from nexus.db import Session
from nexus.operations import Operation


async def page(session: Session, cut: Cut) -> Rows[Operation]:
    """Newest first."""
    return await paged(session, select(Operation), cut, Operation.created_at, Operation.id)
