"""The organisation itself and its workspaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends

from api.kernel.preconditions import Precondition
from api.kernel.principal import Principal
from api.kernel.transactions import Transaction
from api.organisations import events
from api.organisations.events import OrganisationState, WorkspaceState
from api.organisations.models import Policy
from api.organisations.repository.joining import JoiningRepository
from api.organisations.repository.organisation import OrganisationRepository
from api.organisations.schemas.organisation import OrganisationIn, OrganisationOut, WorkspaceIn
from api.organisations.service.rules import Rules
from nexus.db import Organisation, Session, Workspace
from nexus.errors import ConflictError


class OrganisationService:
    def __init__(self, session: Session) -> None:
        self._session = session
        self.repository = OrganisationRepository(session)
        self.rules = Rules(session)

    async def get(self, id: str) -> OrganisationOut:
        return _shown(*await self.repository.get(id))

    async def change(self, caller: Principal, said: OrganisationIn, seen: Precondition) -> OrganisationOut:
        """Raises StaleError; ConflictError if single sign-on is asked for where it would shut everybody out."""
        found, policy = await self.repository.get(caller.organisation, to_change=True)
        seen.check(found.version)
        before = _state(found, policy)
        if said.is_sso_required and not policy.is_sso_required:
            await self._could_do_without_passwords(found.id)
        found.name, policy.is_sso_required = said.name, said.is_sso_required
        if said.is_mfa_required is not None:
            policy.is_mfa_required = said.is_mfa_required
        after = _state(found, policy)
        if after != before:
            await self.repository.save(found, policy)
            happened = events.OrganisationChanged(
                organisation_id=found.id, actor_id=caller.id, before=before, after=after
            )
            self._session.record(happened)
        return _shown(found, policy)

    async def workspaces(self, organisation: str) -> Sequence[Workspace]:
        return await self.repository.workspaces(organisation)

    async def create_workspace(self, caller: Principal, said: WorkspaceIn) -> Workspace:
        """Raises ConflictError if any organisation has a workspace of that id."""
        if not await self.repository.ensure_workspace(caller.organisation, said.id, said.name):
            raise ConflictError("there is a workspace of that id already", remedy="choose another id")
        happened = events.WorkspaceCreated(
            workspace_id=said.id, actor_id=caller.id, after=WorkspaceState(name=said.name)
        )
        self._session.record(happened)
        return await self.repository.workspace(said.id)

    async def rename_workspace(self, caller: Principal, id: str, name: str, seen: Precondition) -> Workspace:
        """Raises NotFoundError, StaleError."""
        found = await self.repository.workspace(id)
        seen.check(found.version)
        before = WorkspaceState(name=found.name)
        if name != found.name:
            found.name = name
            await self._session.flush()
            happened = events.WorkspaceChanged(
                workspace_id=id, actor_id=caller.id, before=before, after=WorkspaceState(name=name)
            )
            self._session.record(happened)
        return found

    async def _could_do_without_passwords(self, organisation: str) -> None:
        if not (await self.rules.rows.owners(organisation)).glass:
            raise ConflictError(
                "no active owner may break glass: should the identity provider fail, nobody could get in",
                remedy="PUT /v1/members/{id} with is_break_glass for an owner first",
            )
        if not await JoiningRepository(self._session).proved_domains():
            raise ConflictError("the organisation has proved no domain", remedy="prove one first: POST /v1/domains")


def _state(found: Organisation, policy: Policy) -> OrganisationState:
    return OrganisationState(
        name=found.name, is_sso_required=policy.is_sso_required, is_mfa_required=policy.is_mfa_required
    )


def _shown(found: Organisation, policy: Policy) -> OrganisationOut:
    return OrganisationOut(
        id=found.id, name=found.name, is_sso_required=policy.is_sso_required, is_mfa_required=policy.is_mfa_required,
        created_at=found.created_at, version=found.version,
    )  # fmt: skip


async def _service(session: Transaction) -> OrganisationService:
    return OrganisationService(session)


Organisations = Annotated[OrganisationService, Depends(_service)]
