"""Invitations by token, and domains by name."""

from __future__ import annotations

from sqlalchemy import exists, func, select

from api.organisations.models import Domain, Invitation
from nexus.db import Session


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

    async def domain(self, name: str) -> Domain | None:
        found: Domain | None = await self._session.scalar(select(Domain).where(Domain.name == name))
        return found

    async def proved_domains(self) -> bool:
        return bool(await self._session.scalar(select(exists().where(Domain.verified_at.is_not(None)))))
