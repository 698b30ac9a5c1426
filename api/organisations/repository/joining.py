"""Invitations by token, and domains by name."""

from __future__ import annotations

from sqlalchemy import exists, func, or_, select

from api.identity.models import User
from api.organisations.models import ApiKey, Domain, Invitation, Member
from nexus.db import Session

#: How ids of people begin, and those of keys: both act for a member.
_OF_MEMBERS = ("usr_", "key_")


class JoiningRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def open_invitation(self, digest: bytes) -> Invitation | None:
        """The invitation if it can still be accepted; nobody else accepts it meanwhile. Needs a session that sees all."""
        found: Invitation | None = await self._session.scalar(
            select(Invitation)
            .where(
                Invitation.token_hash == digest,
                Invitation.accepted_at.is_(None),
                Invitation.revoked_at.is_(None),
                Invitation.expires_at > func.now(),
            )
            .with_for_update()
        )
        return found

    async def inviter_remains(self, row: Invitation) -> bool:
        """Whether the member who made it still is an active one. Of a program, or this machine, that is not asked. Needs a
        session that sees all."""
        if not row.invited_by.startswith(_OF_MEMBERS):
            return True
        of_key = select(ApiKey.member_id).where(ApiKey.id == row.invited_by)
        member = exists().where(
            Member.organisation_id == row.organisation_id,
            Member.status == "active",
            or_(Member.user_id == row.invited_by, Member.id.in_(of_key)),
            User.id == Member.user_id,
            User.deactivated_at.is_(None),
        )
        return bool(await self._session.scalar(select(member)))

    async def domain(self, name: str) -> Domain | None:
        found: Domain | None = await self._session.scalar(select(Domain).where(Domain.name == name))
        return found

    async def proved_domains(self) -> bool:
        return bool(await self._session.scalar(select(exists().where(Domain.verified_at.is_not(None)))))
