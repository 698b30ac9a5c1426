"""Groups: members who have the same roles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends

from api.kernel.preconditions import Precondition
from api.kernel.principal import Principal
from api.kernel.transactions import Transaction
from api.organisations import events
from api.organisations.events import GroupState
from api.organisations.models import Group, GroupMember
from api.organisations.schemas.access import GroupIn, GroupOut, RoleGivenIn
from api.organisations.service.rules import Rules, within
from nexus.db import Session
from nexus.errors import ConflictError, InputError
from nexus.ids import new_id


class GroupService:
    def __init__(self, session: Session) -> None:
        self._session = session
        self.rules = Rules(session)
        self.rows = self.rules.rows

    async def shown(self, group: Group) -> GroupOut:
        state = await self.state(group)
        return GroupOut(
            id=group.id,
            name=group.name,
            description=group.description,
            member_ids=list(state.member_ids),
            roles=[RoleGivenIn.model_validate(r) for r in state.roles],
            version=group.version,
        )

    async def state(self, group: Group) -> GroupState:
        return GroupState(
            name=group.name,
            description=group.description,
            member_ids=tuple(await self.rows.members_of(group.id)),
            roles=await self.rules.roles_of(group),
        )

    async def create(self, caller: Principal, said: GroupIn) -> Group:
        """Raises ConflictError if another has the name."""
        async with self.rules.changing(caller.organisation):
            await self._name_free(said.name)
            made = Group(
                id=new_id("grp"), organisation_id=caller.organisation, name=said.name, description=said.description
            )
            await self.rows.add(made)
            happened = events.GroupCreated(group_id=made.id, actor_id=caller.id, after=await self.state(made))
            self._session.record(happened, expected_version=0)
        return made

    async def change(self, caller: Principal, id: str, said: GroupIn, seen: Precondition) -> Group:
        """Raises NotFoundError, StaleError, ConflictError."""
        async with self.rules.changing(caller.organisation):
            found, before = await self._found(id, seen)
            await self._name_free(said.name, id)
            found.name, found.description = said.name, said.description
            await self._tell(caller, found, before)
        return found

    async def set_roles(self, caller: Principal, id: str, wanted: Sequence[RoleGivenIn], seen: Precondition) -> Group:
        """Raises NotFoundError, StaleError, InputError, EscalationError."""
        async with self.rules.changing(caller.organisation):
            found, before = await self._found(id, seen)
            await self.rules.set_roles(caller, found, wanted)
            await self._tell(caller, found, before)
        return found

    async def set_members(self, caller: Principal, id: str, wanted: Sequence[str], seen: Precondition) -> Group:
        """Who comes gets the group's roles, who goes loses them: the caller must have them.

        Raises NotFoundError, StaleError, InputError, EscalationError.
        """
        async with self.rules.changing(caller.organisation):
            found, before = await self._found(id, seen)
            have = set(before.member_ids)
            if unknown := sorted(set(wanted) - await self.rows.known_members(wanted)):
                raise InputError(f"there is no member {unknown[0]}", remedy="GET /v1/members lists them")
            if set(wanted) != have:
                given = await self.rules.of_assignments(await self.rows.assignments(found))
                within(caller, given, "changing who is in the group")
            await self.rows.leave(id, have - set(wanted))
            await self.rows.add(
                *(
                    GroupMember(organisation_id=caller.organisation, group_id=id, member_id=m)
                    for m in sorted(set(wanted) - have)
                )
            )
            await self._tell(caller, found, before)
        return found

    async def remove(self, caller: Principal, id: str, seen: Precondition) -> None:
        """Raises NotFoundError, StaleError, EscalationError."""
        async with self.rules.changing(caller.organisation):
            found, before = await self._found(id, seen)
            within(caller, await self.rules.of_assignments(await self.rows.assignments(found)), "removing the group")
            await self.rows.remove(found)
            self._session.record(events.GroupRemoved(group_id=id, actor_id=caller.id, before=before))

    async def _found(self, id: str, seen: Precondition) -> tuple[Group, GroupState]:
        found = await self.rows.get(Group, id, to_change=True)
        seen.check(found.version)
        return found, await self.state(found)

    async def _name_free(self, name: str, but: str = "") -> None:
        if await self.rows.has_name(Group, name, but):
            raise ConflictError(f"there is a group {name!r} already", remedy="choose another name")

    async def _tell(self, caller: Principal, group: Group, before: GroupState) -> None:
        after = await self.state(group)
        if after != before:
            await self.rows.touch(group)
            self._session.record(events.GroupChanged(group_id=group.id, actor_id=caller.id, before=before, after=after))


async def _service(session: Transaction) -> GroupService:
    return GroupService(session)


Groups = Annotated[GroupService, Depends(_service)]
