"""Roles of an organisation's own: names for some of the catalogue's permissions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from fastapi import Depends

from api.kernel.permissions import catalogue
from api.kernel.preconditions import Precondition
from api.kernel.principal import EVERYWHERE, Principal
from api.kernel.transactions import Transaction
from api.organisations import events, roles
from api.organisations.events import RoleState
from api.organisations.models import Role
from api.organisations.schemas.access import RoleIn, RoleOut
from api.organisations.service.rules import Rules, within
from nexus.db import Session
from nexus.errors import ConflictError, InputError
from nexus.ids import new_id


def built_in() -> list[RoleOut]:
    return [
        RoleOut(
            id=name, name=name, description=roles.DESCRIPTIONS[name], permissions=sorted(roles.permissions(name)),
            is_built_in=True,
        )
        for name in roles.BUILT_IN
    ]  # fmt: skip


def shown(role: Role) -> RoleOut:
    return RoleOut(
        id=role.id, name=role.name, description=role.description, permissions=role.permissions, is_built_in=False,
        version=role.version,
    )  # fmt: skip


def state(role: Role) -> RoleState:
    return RoleState(name=role.name, description=role.description, permissions=tuple(role.permissions))


class RoleService:
    def __init__(self, session: Session) -> None:
        self._session = session
        self.rules = Rules(session)
        self.rows = self.rules.rows

    async def create(self, caller: Principal, said: RoleIn) -> Role:
        """Raises InputError for an unknown permission, EscalationError for one that the caller lacks, ConflictError."""
        permissions = await self._checked(said, "")
        within(caller, {EVERYWHERE: frozenset(permissions)}, "making a role")
        made = Role(
            id=new_id("role"), organisation_id=caller.organisation, name=said.name, description=said.description,
            permissions=permissions,
        )  # fmt: skip
        await self.rows.add(made)
        happened = events.RoleCreated(role_id=made.id, actor_id=caller.id, after=state(made))
        self._session.record(happened, expected_version=0)
        return made

    async def change(self, caller: Principal, id: str, said: RoleIn, seen: Precondition) -> Role:
        """What is added reaches, and what is taken away leaves, whoever has the role: the caller must have both.

        Raises NotFoundError, StaleError, InputError, EscalationError, ConflictError.
        """
        async with self.rules.changing(caller.organisation):
            found = await self.rows.get(Role, id, to_change=True)
            seen.check(found.version)
            before = state(found)
            permissions = await self._checked(said, id)
            changed = frozenset(permissions) ^ frozenset(before.permissions)
            # one that a release has taken away can be dropped by anybody
            within(caller, {EVERYWHERE: changed & catalogue().keys()}, "changing a role")
            found.name, found.description, found.permissions = said.name, said.description, permissions
            after = state(found)
            if after != before:
                await self._session.flush()
                happened = events.RoleChanged(role_id=id, actor_id=caller.id, before=before, after=after)
                self._session.record(happened)
        return found

    async def remove(self, caller: Principal, id: str, seen: Precondition) -> None:
        """Raises NotFoundError, StaleError, ConflictError while somebody has it."""
        async with self.rules.changing(caller.organisation):
            found = await self.rows.get(Role, id, to_change=True)
            seen.check(found.version)
            if scopes := await self.rows.scopes_of(id):
                raise ConflictError(
                    f"the role is given in {', '.join(sorted(scopes))}", remedy="take it away there before removing it"
                )
            await self.rows.remove(found)
            self._session.record(events.RoleRemoved(role_id=id, actor_id=caller.id, before=state(found)))

    async def _checked(self, said: RoleIn, but: str) -> list[str]:
        if said.name.casefold() in roles.BUILT_IN or await self.rows.has_name(Role, said.name, but):
            raise ConflictError(f"there is a role {said.name!r} already", remedy="choose another name")
        return known(said.permissions)


def known(permissions: Iterable[str]) -> list[str]:
    """Sorted, each once. Raises InputError for one that no slice declares."""
    wanted = set(permissions)
    if unknown := sorted(wanted - catalogue().keys()):
        # what was sent is not repeated at length
        raise InputError(f"there is no permission {unknown[0][:60]!r}", remedy="GET /v1/permissions lists them")
    return sorted(wanted)


async def _service(session: Transaction) -> RoleService:
    return RoleService(session)


Roles = Annotated[RoleService, Depends(_service)]
