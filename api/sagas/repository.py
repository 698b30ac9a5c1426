"""Lists of sagas."""

from __future__ import annotations

from sqlalchemy import select

from api.kernel.pages import Cut, Rows, paged
from nexus.db import Session
from nexus.sagas.models import SagaRow


async def page(session: Session, cut: Cut, state: str | None) -> Rows[SagaRow]:
    """Newest first."""
    wanted = select(SagaRow)
    if state is not None:
        wanted = wanted.where(SagaRow.state == state)
    return await paged(session, wanted, cut, SagaRow.created_at, SagaRow.id)
