"""Invitations: for one address, one use, some time; they give no more than their maker had, and end with them."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Depends

from api.identity.directory import Person, checked_email, email_key
from api.kernel.principal import ForbiddenError, Principal
from api.kernel.transactions import Transaction
from api.organisations import events
from api.organisations.events import InvitationState, RoleGiven
from api.organisations.models import Invitation, Member
from api.organisations.repository.joining import JoiningRepository
from api.organisations.schemas.access import RoleGivenIn
from api.organisations.schemas.joining import InvitationIn, InvitationOut
from api.organisations.service.members import MemberService
from api.organisations.service.rules import Rules
from nexus.db import Session, Tenant
from nexus.errors import ConflictError, NotFoundError
from nexus.ids import new_id


def status(row: Invitation) -> str:
    if row.accepted_at is not None:
        return "accepted"
    if row.revoked_at is not None:
        return "revoked"
    return "open" if row.expires_at > datetime.now(UTC) else "expired"


def shown(row: Invitation) -> InvitationOut:
    return InvitationOut(
        id=row.id, email=row.email, roles=[RoleGivenIn(**r) for r in row.roles], status=status(row),  # type: ignore[arg-type]
        invited_by=row.invited_by, created_at=row.created_at, expires_at=row.expires_at,
    )  # fmt: skip


def state(row: Invitation) -> InvitationState:
    return InvitationState(
        status=status(row), roles=tuple(RoleGiven(**r) for r in row.roles), expires_at=row.expires_at
    )


class InvitationService:
    def __init__(self, session: Session) -> None:
        self._session = session
        self.rules = Rules(session)
        self.rows = self.rules.rows

    async def create(self, caller: Principal, said: InvitationIn) -> tuple[Invitation, str]:
        """The invitation and its token. Raises InputError, EscalationError."""
        given = await self.rules.checked(caller, said.roles)
        token, email = secrets.token_urlsafe(32), checked_email(said.email)
        made = Invitation(
            id=new_id("ivt"),
            organisation_id=caller.organisation,
            email=email,
            email_key=email_key(email),
            token_hash=hashlib.sha256(token.encode()).digest(),
            roles=[g.model_dump() for g in given],
            invited_by=caller.id,
            expires_at=datetime.now(UTC) + timedelta(hours=said.expires_in_hours),
        )
        await self.rows.add(made)
        happened = events.InvitationCreated(invitation_id=made.id, actor_id=caller.id, after=state(made))
        self._session.record(happened, expected_version=0)
        return made, token

    async def revoke(self, caller: Principal, id: str) -> None:
        """Its token opens nothing any more, also if a closing that revoked it already is cancelled.

        Raises NotFoundError; ConflictError once it was accepted.
        """
        found = await self.rows.get(Invitation, id, to_change=True)
        if found.accepted_at is not None:
            raise ConflictError("the invitation was accepted", remedy="remove the member instead")
        found.is_shut = False
        if found.revoked_at is None:
            before = state(found)
            found.revoked_at = datetime.now(UTC)
            self._tell(found, before, caller.id)

    async def _accepted(self, found: Invitation, person: Person) -> Member:
        before = state(found)
        given = tuple(RoleGiven(**r) for r in found.roles)
        made = await MemberService(self._session).create(found.organisation_id, person.id, given, actor=person.id)
        found.accepted_at, found.accepted_by = datetime.now(UTC), person.id
        self._tell(found, before, person.id, made.id)
        return made

    def _tell(self, row: Invitation, before: InvitationState, actor: str, member: str | None = None) -> None:
        self._session.record(
            events.InvitationChanged(
                invitation_id=row.id, actor_id=actor, before=before, after=state(row), member_id=member
            )
        )


async def accept(session: Session, token: str, person: Person) -> Member:
    """Makes `person` a member by an invitation to their address. `session` sees every tenant; it acts for the organisation then.

    Raises NotFoundError for a token that opens nothing (any more), ForbiddenError if it is for another address.
    """
    joining = JoiningRepository(session)
    found = await joining.open_invitation(hashlib.sha256(token.encode()).digest())
    # who is thrown out comes back neither by an invitation of their own, nor as somebody else
    if found is None or not await joining.inviter_remains(found):
        raise NotFoundError("the invitation is not valid (any more)", remedy="ask for another one")
    if not person.active or found.email_key != email_key(person.email):
        # the address is not told: whoever found the token would learn it
        raise ForbiddenError("the invitation is for another address", remedy="sign in with the address it was sent to")
    await session.act_for(Tenant(found.organisation_id))
    return await InvitationService(session)._accepted(found, person)


async def _service(session: Transaction) -> InvitationService:
    return InvitationService(session)


Invitations = Annotated[InvitationService, Depends(_service)]
