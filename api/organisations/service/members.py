"""Members: their state, their roles, their leaving."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends

from api.kernel.preconditions import Precondition
from api.kernel.principal import EVERYTHING, EVERYWHERE, Principal
from api.kernel.transactions import Transaction
from api.organisations import events
from api.organisations.events import MemberState, RoleGiven
from api.organisations.models import Member
from api.organisations.schemas.access import MemberIn, MemberOut, RoleGivenIn
from api.organisations.service.rules import Rules, within
from nexus.db import Session
from nexus.errors import ConflictError
from nexus.ids import new_id


class MemberService:
    def __init__(self, session: Session) -> None:
        self._session = session
        self.rules = Rules(session)
        self.rows = self.rules.rows

    async def shown(self, member: Member) -> MemberOut:
        state = await self.state(member)
        return MemberOut(
            id=member.id,
            user_id=member.user_id,
            status=member.status,  # type: ignore[arg-type]
            is_break_glass=member.is_break_glass,
            roles=[RoleGivenIn.model_validate(r) for r in state.roles],
            created_at=member.created_at,
            version=member.version,
        )

    async def state(self, member: Member) -> MemberState:
        return MemberState(
            user_id=member.user_id,
            status=member.status,
            is_break_glass=member.is_break_glass,
            roles=await self.rules.roles_of(member),
        )

    async def create(
        self, organisation: str, user_id: str, given: Sequence[RoleGiven], *, actor: str, is_break_glass: bool = False
    ) -> Member:
        """Makes a user a member; whoever calls has checked that the roles may be given. Raises ConflictError if it is one."""
        await self.rows.lock(organisation)
        if await self.rows.member_by_user(organisation, user_id):
            raise ConflictError("this user is a member already", remedy="change their roles instead")
        made = Member(
            id=new_id("mem"),
            organisation_id=organisation,
            user_id=user_id,
            status="active",
            is_break_glass=is_break_glass,
        )
        await self.rows.add(made)
        await self.rules.give(actor, made, given)
        happened = events.MemberCreated(member_id=made.id, actor_id=actor, after=await self.state(made))
        self._session.record(happened, expected_version=0)
        return made

    async def change(self, caller: Principal, id: str, said: MemberIn, seen: Precondition) -> Member:
        """Raises NotFoundError, StaleError, EscalationError, LastOwnerError."""
        async with self.rules.changing(caller.organisation):
            found = await self._found(caller, id, seen)
            before = await self.state(found)
            if said.is_break_glass != found.is_break_glass:
                # past single sign-on leads only who may do everything
                within(caller, {EVERYWHERE: frozenset({EVERYTHING})}, "letting a member break glass")
            found.status, found.is_break_glass = said.status, said.is_break_glass
            # said by hand: a closing that is cancelled leaves it so
            found.is_shut = False
            await self.tell(caller.id, found, before)
        return found

    async def set_roles(self, caller: Principal, id: str, wanted: Sequence[RoleGivenIn], seen: Precondition) -> Member:
        """Raises NotFoundError, StaleError, InputError, EscalationError, LastOwnerError."""
        async with self.rules.changing(caller.organisation):
            found = await self.rows.get(Member, id, to_change=True)
            seen.check(found.version)
            before = await self.state(found)
            await self.rules.set_roles(caller, found, wanted)
            await self.tell(caller.id, found, before)
        return found

    async def remove(self, caller: Principal, id: str, seen: Precondition) -> None:
        """Its roles, groups and keys go with it. Raises NotFoundError, StaleError, EscalationError, LastOwnerError."""
        async with self.rules.changing(caller.organisation):
            found = await self._found(caller, id, seen)
            gone = events.MemberRemoved(member_id=id, actor_id=caller.id, before=await self.state(found))
            await self.rows.remove(found)
            self._session.record(gone)

    async def _found(self, caller: Principal, id: str, seen: Precondition) -> Member:
        """The member, if the caller has whatever it has: nobody switches off who is stronger."""
        found = await self.rows.get(Member, id, to_change=True)
        seen.check(found.version)
        within(caller, await self.rules.held(caller.organisation, found), "changing a member")
        return found

    async def tell(self, actor: str, member: Member, before: MemberState) -> None:
        """Tells of a change, if there was one."""
        after = await self.state(member)
        if after != before:
            await self.rows.touch(member)
            happened = events.MemberChanged(member_id=member.id, actor_id=actor, before=before, after=after)
            self._session.record(happened)


async def _service(session: Transaction) -> MemberService:
    return MemberService(session)


Members = Annotated[MemberService, Depends(_service)]
