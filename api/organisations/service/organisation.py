"""The organisation itself and its workspaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends

from api.kernel.transactions import Transaction
from api.organisations.repository.organisation import OrganisationRepository
from api.organisations.schemas.organisation import OrganisationOut
from nexus.db import Session, Workspace


class OrganisationService:
    def __init__(self, session: Session) -> None:
        self._session = session
        self.repository = OrganisationRepository(session)

    async def get(self, id: str) -> OrganisationOut:
        found, policy = await self.repository.get(id)
        return OrganisationOut(
            id=id,
            name=found.name,
            is_sso_required=policy.is_sso_required,
            created_at=found.created_at,
            version=found.version,
        )

    async def workspaces(self, organisation: str) -> Sequence[Workspace]:
        return await self.repository.workspaces(organisation)


async def _service(session: Transaction) -> OrganisationService:
    return OrganisationService(session)


Organisations = Annotated[OrganisationService, Depends(_service)]
