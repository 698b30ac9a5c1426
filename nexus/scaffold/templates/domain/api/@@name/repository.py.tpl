"""What is read of @@title. Which workspace's rows there are, row-level security decides: no statement names it."""

from __future__ import annotations

from api.@@name.models import @@Entity
from api.kernel.pages import Cut, Rows, page_of
from nexus.db.direct import Direct
from nexus.errors import NotFoundError


class @@{Entity}Repository:
    def __init__(self, session: Direct) -> None:
        self._session = session

    async def page(self, cut: Cut) -> Rows[@@Entity]:
        """Newest first."""
        order = (@@Entity.created_at, @@Entity.id)
        return await page_of(self._session, @@Entity, cut, *order)

    async def get(
        self,
        id: str,
        *,
        to_change: bool = False,
    ) -> @@Entity:
        """Raises NotFoundError, also for one of another workspace. `to_change` keeps others from changing it meanwhile."""
        found = await self._session.get(@@Entity, id, to_change=to_change)
        if found is None:
            raise NotFoundError("there is no such @@words")
        return found
