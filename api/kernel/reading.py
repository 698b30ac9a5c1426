"""Endpoints that show rows as they are: one by its id, a page of them, each in one trip to the database.

Belongs here: the two questions, as a dependency. Does not belong here: what is shown of a row, questions with conditions
(a slice's repository).
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from api.kernel.pages import Cut, Entity, Rows, page_of
from api.kernel.transactions import DirectTransaction
from nexus.db.direct import Direct
from nexus.errors import NotFoundError


class Reading:
    """Whose rows there are, row-level security decides: no statement names a tenant."""

    def __init__(self, session: Direct) -> None:
        self._session = session

    async def one(self, model: type[Entity], id: str, word: str) -> Entity:
        """Raises NotFoundError, also for one of another tenant; `word` is what it is called to people."""
        found = await self._session.get(model, id)
        if found is None:
            raise NotFoundError(f"there is no such {word}")
        return found

    async def page(self, model: type[Entity], cut: Cut) -> Rows[Entity]:
        """Newest first; of a model with `Timestamps`."""
        # names of every such model, which its type does not say
        created_at, id = (getattr(model, name) for name in ("created_at", "id"))
        return await page_of(self._session, model, cut, created_at, id)


# async, though it awaits nothing: otherwise each request would be sent through a thread for it
async def _reading(session: DirectTransaction) -> Reading:
    return Reading(session)


Reads = Annotated[Reading, Depends(_reading)]
