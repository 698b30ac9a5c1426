"""Lists of sagas, and what is told of one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, text

from api.kernel.pages import Cut, Rows, paged
from nexus.db import Session
from nexus.sagas.machine import ENDED
from nexus.sagas.models import SagaRow

#: How many of an organisation a page of the browser has.
SHOWN = 100


async def page(session: Session, cut: Cut, state: str | None) -> Rows[SagaRow]:
    """Newest first."""
    wanted = select(SagaRow)
    if state is not None:
        wanted = wanted.where(SagaRow.state == state)
    return await paged(session, wanted, cut, SagaRow.created_at, SagaRow.id)


async def newest(session: Session, *, is_open: bool) -> Sequence[SagaRow]:
    """The newest SHOWN; `is_open`: of those that have not ended, what is stuck first."""
    wanted = select(SagaRow).limit(SHOWN)
    newest = SagaRow.created_at.desc(), SagaRow.id.desc()
    if is_open:
        wanted = wanted.where(SagaRow.state.not_in(ENDED)).order_by(SagaRow.state != "stuck", *newest)
    else:
        wanted = wanted.order_by(*newest)
    return (await session.scalars(wanted)).all()


async def exists(session: Session, id: str) -> bool:
    return await session.get(SagaRow, id) is not None


async def told(session: Session, id: str) -> list[tuple[datetime, str, dict[str, Any]]]:
    """Events of one whose tenant the transaction acts for: when, what (`retried`), their data."""
    sql = "select time, type, data from app.events where stream = :stream order by position"
    found = await session.execute(text(sql), {"stream": f"saga/{id}"})
    return [(at, str(type).rpartition(".")[2], data) for at, type, data in found]
