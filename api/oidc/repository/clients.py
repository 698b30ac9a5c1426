"""Rows of applications, as those who administer them see them: which there are, row-level security decides."""

from __future__ import annotations

from sqlalchemy import select

from api.kernel.pages import Cut, Rows, paged
from api.oidc.models import Client
from nexus.db import Session
from nexus.errors import NotFoundError


class ClientRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def page(self, cut: Cut) -> Rows[Client]:
        """Newest first."""
        return await paged(self._session, select(Client), cut, Client.created_at, Client.id)

    async def get(self, id: str, *, to_change: bool = False) -> Client:
        """Raises NotFoundError, also for one of another organisation. `to_change` keeps others from changing it."""
        found = await self._session.get(Client, id, with_for_update=to_change or None)
        if found is None:
            raise NotFoundError("there is no such application")
        return found

    def add(self, made: Client) -> None:
        self._session.add(made)

    async def remove(self, gone: Client) -> None:
        await self._session.delete(gone)
