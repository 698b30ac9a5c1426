"""The statements by which an organisation is shut, opened again, and emptied. Row-level security says which it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, exists, func, select, update

from api.organisations import roles
from api.organisations.models import (
    ApiKey,
    Assignment,
    Domain,
    Group,
    Invitation,
    Member,
    Role,
    ServiceAccount,
)
from nexus.db import Session
from nexus.sagas.machine import ENDED
from nexus.sagas.models import SagaRow

_IS_OWNER = exists().where(
    Assignment.member_id == Member.id,
    Assignment.role == roles.OWNER,
    Assignment.scope == "*",
    Assignment.condition.is_(None),
)


class ClosingRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def under_way(self, name: str) -> str | None:
        """The saga `name` of this organisation that has not ended, if there is one."""
        wanted = select(SagaRow.id).where(SagaRow.name == name, SagaRow.state.not_in(ENDED))
        found: str | None = await self._session.scalar(wanted)
        return found

    async def shut(self) -> dict[str, Sequence[str]]:
        """Suspends whoever is no owner, disables programs, revokes keys and invitations; ids of what was open before."""
        now = func.clock_timestamp()
        shutting = {
            "members": update(Member)
            .where(Member.status == "active", ~_IS_OWNER)
            .values(status="suspended", is_shut=True, version=Member.version + 1)
            .returning(Member.id),
            "service_accounts": update(ServiceAccount)
            .where(ServiceAccount.disabled_at.is_(None))
            .values(disabled_at=now, is_shut=True, version=ServiceAccount.version + 1)
            .returning(ServiceAccount.id),
            "api_keys": update(ApiKey)
            .where(ApiKey.revoked_at.is_(None))
            .values(revoked_at=now, is_shut=True, version=ApiKey.version + 1)
            .returning(ApiKey.id),
            "invitations": update(Invitation)
            .where(Invitation.revoked_at.is_(None), Invitation.accepted_at.is_(None))
            .values(revoked_at=now, is_shut=True, version=Invitation.version + 1)
            .returning(Invitation.id),
        }
        return {what: (await self._session.scalars(statement)).all() for what, statement in shutting.items()}

    async def reopen(self, was_open: Mapping[str, Sequence[str]]) -> None:
        """What `shut` has returned, as it was; but for what somebody has taken away by hand since."""
        opening = (
            update(Member)
            .where(Member.id.in_(was_open["members"]), Member.is_shut)
            .values(status="active", is_shut=False, version=Member.version + 1),
            update(ServiceAccount)
            .where(ServiceAccount.id.in_(was_open["service_accounts"]), ServiceAccount.is_shut)
            .values(disabled_at=None, is_shut=False, version=ServiceAccount.version + 1),
            update(ApiKey)
            .where(ApiKey.id.in_(was_open["api_keys"]), ApiKey.is_shut)
            .values(revoked_at=None, is_shut=False, version=ApiKey.version + 1),
            update(Invitation)
            .where(Invitation.id.in_(was_open["invitations"]), Invitation.is_shut)
            .values(revoked_at=None, is_shut=False, version=Invitation.version + 1),
        )
        for statement in opening:
            await self._session.execute(statement)

    async def remove(self) -> None:
        """Everybody, and everything that says who may do what. The organisation's name and its workspaces stay."""
        for model in (ApiKey, Assignment, Invitation, Domain, Group, ServiceAccount, Role, Member):
            await self._session.execute(delete(model))
