"""The rules of @@title: what a change needs, and which event tells of it. Never commits: the edge does."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from api.@@name.events import (
    @@{Entity}Changed,
    @@{Entity}Created,
    @@{Entity}Removed,
)
from api.@@name.models import @@Entity
from api.@@name.repository import @@{Entity}Repository
from api.@@name.schemas import @@{Entity}In
from api.kernel.preconditions import Precondition
from api.kernel.transactions import DirectTransaction
from nexus.db.direct import Direct
from nexus.ids import new_id


class @@{Entity}Service:
    def __init__(self, session: Direct) -> None:
        self._session = session
        self.repository = @@{Entity}Repository(session)

    def create(
        self,
        workspace: str,
        said: @@{Entity}In,
    ) -> @@Entity:
        id = new_id("@@entity")
        made = @@Entity(id=id, workspace_id=workspace, title=said.title)
        self._session.add(made)
        happened = @@{Entity}Created(
            @@{entity}_id=id,
            title=said.title,
        )
        self._session.record(happened, expected_version=0)
        return made

    async def change(
        self,
        id: str,
        said: @@{Entity}In,
        seen: Precondition,
    ) -> @@Entity:
        """Raises NotFoundError; StaleError if it is not what the caller has seen."""
        found = await self.repository.get(id, to_change=True)
        seen.check(found.version)
        if found.title != said.title:
            await self._session.change(found, title=said.title)
            happened = @@{Entity}Changed(
                @@{entity}_id=id,
                title=said.title,
            )
            self._session.record(happened)
        return found

    async def remove(self, id: str, seen: Precondition) -> None:
        """Raises NotFoundError; StaleError if it is not what the caller has seen."""
        found = await self.repository.get(id, to_change=True)
        seen.check(found.version)
        await self._session.remove(found)
        happened = @@{Entity}Removed(@@{entity}_id=id)
        self._session.record(happened)


# async, though it awaits nothing: otherwise each request would be sent through a thread for it
async def _service(session: DirectTransaction) -> @@{Entity}Service:
    return @@{Entity}Service(session)


@@{Entity}s = Annotated[@@{Entity}Service, Depends(_service)]
