"""SCIM Groups: groups of the organisation, whose roles its administrators give.

Belongs here: making, changing and removing one. Does not belong here: the rules of access (api/organisations).

Who comes into a group gets its roles, so the rule of the house holds: nobody gives what they do not have. A directory's
service account is given the roles that it may hand out; its key needs no more than `scim.provision`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import ValidationError
from scim2_models import InvalidValueException, NotFoundException, UniquenessException

from api.kernel.preconditions import Precondition
from api.kernel.principal import Principal
from api.organisations import access
from api.organisations.models import Group
from api.organisations.schemas.access import GroupIn
from api.organisations.service.groups import GroupService
from api.scim import resources
from api.scim.conditions import unchanged
from api.scim.models import ScimGroup
from api.scim.repository import GroupEntry, ScimRepository, by_display_name, by_ids
from nexus.db import Session

_ANY = Precondition(None)


class Groups:
    def __init__(self, session: Session, caller: Principal) -> None:
        self._session, self._caller = session, caller
        self._rows = ScimRepository(session)
        self._groups = GroupService(session)

    async def get(self, id: str) -> Any:
        return resources.group(await self._entry(id))

    async def create(self, wanted: Any) -> Any:
        caller = await self._holder()
        async with self._groups.rules.changing(caller.organisation):
            await self._name_free(wanted.display_name)
            made = await self._groups.create(caller, _said(wanted))
            await self._rows.add(
                ScimGroup(group_id=made.id, organisation_id=caller.organisation, external_id=wanted.external_id)
            )
            await self._set_members(caller, made.id, wanted)
        return await self.get(made.id)

    async def update(self, wanted: Any, expected_version: str | None) -> Any:
        caller = await self._holder()
        async with self._groups.rules.changing(caller.organisation):
            entry = await self._entry(wanted.id)
            unchanged(resources.group(entry), expected_version)
            said = entry.said or ScimGroup(group_id=wanted.id, organisation_id=caller.organisation)
            said.external_id = wanted.external_id
            await self._rows.add(said)
            if wanted.display_name != entry.group.name:
                if wanted.display_name.lower() != entry.group.name.lower():
                    await self._name_free(wanted.display_name)
                said_now = GroupIn(**{**_said(wanted).model_dump(), "description": entry.group.description})
                await self._groups.change(caller, wanted.id, said_now, _ANY)
            await self._set_members(caller, wanted.id, wanted)
        return await self.get(wanted.id)

    async def delete(self, id: str, expected_version: str | None) -> None:
        caller = await self._holder()
        async with self._groups.rules.changing(caller.organisation):
            unchanged(resources.group(await self._entry(id)), expected_version)
            await self._groups.remove(caller, id, _ANY)

    async def _set_members(self, caller: Principal, id: str, wanted: Any) -> None:
        members = list(dict.fromkeys(_member(m) for m in wanted.members or ()))
        if unknown := sorted(set(members) - await self._groups.rows.known_members(members)):
            raise InvalidValueException(detail=f"the organisation has no user {unknown[0]!r}")
        await self._groups.set_members(caller, id, members, _ANY)

    async def _holder(self) -> Principal:
        """The caller with everything that whoever holds its key has: a key that may only provision hands out its holder's roles."""
        user_id = self._caller.claims.get("user_id")
        if self._caller.kind not in {"api_key", "service"}:
            return self._caller
        found = await access.of(
            self._session, self._caller.organisation, user_id=user_id,
            service_account_id=None if user_id else self._caller.id,
        )  # fmt: skip
        return replace(self._caller, grants=found.grants()) if found else self._caller

    async def _entry(self, id: str) -> GroupEntry:
        found = await self._rows.groups(by_ids(Group, [id]), limit=1)
        if not found:
            raise NotFoundException(detail="there is no such group")
        return found[0]

    async def _name_free(self, name: str) -> None:
        if await self._rows.groups(by_display_name(name), limit=1):
            raise UniquenessException(detail="the organisation has a group with this displayName already")


def _said(wanted: Any) -> GroupIn:
    try:
        return GroupIn(name=wanted.display_name)
    except ValidationError as error:
        raise InvalidValueException(detail=f"displayName: {error.errors()[0]['msg']}") from None


def _member(member: Any) -> str:
    if member.type not in {None, "User"}:
        raise InvalidValueException(detail="members of a group are users: there are no groups of groups")
    if not member.value:
        raise InvalidValueException(detail="a member needs a value: the id of a user")
    return str(member.value)
