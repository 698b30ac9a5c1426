"""Statements about the audit log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select, text

from api.audit.models import Entry
from api.kernel.pages import Cut, Rows, paged
from nexus.db import Session

_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Asked:
    """Which entries: of an actor, of an action (part of it), from `since` (included) to `until` (not)."""

    actor_id: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.actor_id is not None:
            found.append(Entry.actor_id == self.actor_id)
        if self.action is not None:
            found.append(Entry.action.contains(self.action, autoescape=True))
        if self.since is not None:
            found.append(Entry.occurred_at >= self.since)
        if self.until is not None:
            found.append(Entry.occurred_at < self.until)
        return found


async def append(session: Session, organisation: str, body: str) -> None:
    """The next entry of the organisation's chain. Nobody else appends to it before the transaction ends."""
    statement = text("select app.append_audit(:organisation, :body)")
    await session.execute(statement, {"organisation": organisation, "body": body})


async def page(session: Session, asked: Asked, cut: Cut) -> Rows[Entry]:
    """Newest first."""
    return await paged(session, select(Entry).where(*asked.conditions()), cut, Entry.number)


async def entries(session: Session, organisation: str, asked: Asked = Asked()) -> AsyncIterator[Sequence[Entry]]:
    """All, oldest first, some at a time."""
    after = 0
    while True:
        query = select(Entry).where(Entry.organisation_id == organisation, Entry.number > after, *asked.conditions())
        found = (await session.scalars(query.order_by(Entry.number).limit(_BATCH))).all()
        if found:
            yield found
        if len(found) < _BATCH:
            return
        after = found[-1].number
        session.expunge_all()


async def organisations(session: Session) -> list[str]:
    """Those that have entries."""
    return list(await session.scalars(select(Entry.organisation_id).distinct().order_by(Entry.organisation_id)))
