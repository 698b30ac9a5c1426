"""All SQL of @@title. Which workspace's rows there are, row-level security decides: no statement names it."""

from __future__ import annotations

from sqlalchemy import select

from api.@@name.models import @@Entity
from api.kernel.pages import Cut, Rows, paged
from nexus.db import Session
from nexus.errors import NotFoundError


class @@{Entity}Repository:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def page(self, cut: Cut) -> Rows[@@Entity]:
        """Newest first."""
        order = (@@Entity.created_at, @@Entity.id)
        return await paged(self._session, select(@@Entity), cut, *order)

    async def get(
        self,
        id: str,
        *,
        to_change: bool = False,
    ) -> @@Entity:
        """Raises NotFoundError, also for one of another workspace. `to_change` keeps others from changing it meanwhile."""
        found = await self._session.get(@@Entity, id, with_for_update=to_change or None)
        if found is None:
            raise NotFoundError("there is no such @@words")
        return found

    def add(self, made: @@Entity) -> None:
        self._session.add(made)

    async def remove(self, gone: @@Entity) -> None:
        await self._session.delete(gone)
