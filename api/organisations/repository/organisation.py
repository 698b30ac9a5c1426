"""The organisation's own rows: the organisation, its policy, its workspaces."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from api.organisations.models import Policy
from nexus.db import Organisation, Session, Workspace
from nexus.errors import NotFoundError


class OrganisationRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, id: str, *, to_change: bool = False) -> tuple[Organisation, Policy]:
        """Raises NotFoundError. `to_change` lets one transaction at a time change who may do what in the organisation."""
        found = await self._session.get(Organisation, id, with_for_update=to_change or None, populate_existing=True)
        if found is None:
            raise NotFoundError("the credential's organisation is not there")
        policy = await self._session.get(Policy, id, populate_existing=True)
        if policy is None:
            policy = Policy(organisation_id=id, is_sso_required=False, is_mfa_required=False)
        return found, policy

    async def ensure(self, id: str, name: str) -> bool:
        """Makes the organisation unless it is there; returns whether it was made."""
        done = await self._session.execute(
            insert(Organisation).values(id=id, name=name, version=1).on_conflict_do_nothing().returning(Organisation.id)
        )
        return done.scalar() is not None

    async def ensure_workspace(self, organisation: str, slug: str, name: str) -> bool:
        """Makes the workspace unless somebody has it; returns whether it was made."""
        made = insert(Workspace).values(id=slug, organisation_id=organisation, name=name, version=1)
        return (await self._session.scalar(made.on_conflict_do_nothing().returning(Workspace.id))) is not None

    async def workspaces(self, organisation: str) -> Sequence[Workspace]:
        return (
            await self._session.scalars(
                select(Workspace).where(Workspace.organisation_id == organisation).order_by(Workspace.id)
            )
        ).all()

    async def workspace(self, slug: str) -> Workspace:
        """To change it. Raises NotFoundError, also for one of another organisation."""
        found = await self._session.get(Workspace, slug, with_for_update=True)
        if found is None:
            raise NotFoundError("there is no such workspace")
        return found

    async def save(self, organisation: Organisation, policy: Policy) -> None:
        """Writes both, and counts a change of the policy as one of the organisation: it has one ETag."""
        organisation.updated_at = func.clock_timestamp()
        self._session.add(policy)
        await self._session.flush()
        await self._session.refresh(organisation)
