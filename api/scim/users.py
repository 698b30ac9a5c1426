"""SCIM Users: members of the organisation, as its directory wants them.

Belongs here: making, changing and removing a member. Does not belong here: the person behind (people.py), reading
(search.py).

A directory may suspend and remove every member but two kinds: who breaks glass, so that a directory gone wild locks nobody
out, and the last owner. It gives no role here: groups do.
"""

from __future__ import annotations

from typing import Any

from scim2_models import ForbiddenException, InvalidValueException, NotFoundException, UniquenessException

from api.kernel.principal import Principal
from api.kernel.text import printable
from api.organisations import events
from api.organisations.events import MemberState
from api.organisations.models import Member
from api.organisations.service.members import MemberService
from api.scim import resources
from api.scim.conditions import unchanged
from api.scim.models import ScimUser
from api.scim.people import People
from api.scim.repository import ScimRepository, UserEntry, by_ids
from nexus.db import Session


class Users:
    def __init__(self, session: Session, caller: Principal) -> None:
        self._session, self._caller = session, caller
        self._rows = ScimRepository(session)
        self._members = MemberService(session)
        self._people = People(session, caller.organisation)

    async def get(self, id: str) -> Any:
        return resources.user(await self._entry(id))

    async def create(self, wanted: Any) -> Any:
        async with self._members.rules.changing(self._caller.organisation):
            name = _name(wanted)
            await self._name_free(name)
            wanted.active = True if wanted.active is None else wanted.active
            called = resources.display_name(wanted)
            user_id = await self._people.found_or_made(resources.addresses(wanted), called)
            if await self._members.rows.member_by_user(self._caller.organisation, user_id):
                raise UniquenessException(detail="the organisation has a member with this address already")
            member = await self._members.create(self._caller.organisation, user_id, (), actor=self._caller.id)
            said = ScimUser(member_id=member.id, organisation_id=member.organisation_id, suspended_at=None)
            _say(said, wanted, name)
            await self._rows.add(said)
            if wanted.active is False:
                await self._suspend(member, said)
        return await self.get(member.id)

    async def update(self, wanted: Any, expected_version: str | None) -> Any:
        async with self._members.rules.changing(self._caller.organisation):
            entry = await self._entry(wanted.id)
            unchanged(resources.user(entry), expected_version)
            name, member = _name(wanted), entry.member
            if resources.key(name) != resources.key(entry.said.user_name if entry.said else entry.person.email):
                await self._name_free(name)
            said = entry.said or ScimUser(
                member_id=member.id, organisation_id=member.organisation_id, suspended_at=None
            )
            _say(said, wanted, name)
            await self._rows.add(said)
            if wanted.active is False and (member.status == "active" or member.is_shut):
                await self._suspend(member, said)
            elif wanted.active and said.suspended_at is not None:
                await self._revive(member, said)
            if member.status == "active":
                await self._people.follow(member.user_id, resources.addresses(wanted), resources.display_name(wanted))
        return await self.get(member.id)

    async def delete(self, id: str, expected_version: str | None) -> None:
        async with self._members.rules.changing(self._caller.organisation):
            entry = await self._entry(id)
            unchanged(resources.user(entry), expected_version)
            _reachable(entry.member)
            before = await self._members.state(entry.member)
            await self._members.rows.remove(entry.member)
            self._session.record(events.MemberRemoved(member_id=id, actor_id=self._caller.id, before=before))
            await self._people.end(entry.member.user_id)

    async def _suspend(self, member: Member, said: ScimUser) -> None:
        _reachable(member)
        before = await self._members.state(member)
        member.status, said.suspended_at = "suspended", await self._rows.now()
        # by the directory now, whatever did it before: a closing that is cancelled leaves it so
        member.is_shut = False
        await self._tell(member, before)
        await self._people.end(member.user_id)

    async def _revive(self, member: Member, said: ScimUser) -> None:
        """Undoes the directory's own suspension; an administrator's stays."""
        before = await self._members.state(member)
        member.status, said.suspended_at = "active", None
        await self._tell(member, before)
        await self._people.revive(member.user_id)

    async def _tell(self, member: Member, before: MemberState) -> None:
        await self._members.rows.touch(member)
        after = await self._members.state(member)
        self._session.record(
            events.MemberChanged(member_id=member.id, actor_id=self._caller.id, before=before, after=after)
        )

    async def _entry(self, id: str) -> UserEntry:
        found = await self._rows.users(by_ids(Member, [id]), limit=1)
        if not found:
            raise NotFoundException(detail="there is no such user")
        return found[0]

    async def _name_free(self, name: str) -> None:
        if await self._rows.users(await self._rows.named(resources.key(name)), limit=1):
            raise UniquenessException(detail="the organisation has a user with this userName already")


def _name(wanted: Any) -> str:
    try:
        name = printable(wanted.user_name or "").strip()
    except ValueError as error:
        raise InvalidValueException(detail=f"userName {error}") from None
    if len(name) > 254:
        raise InvalidValueException(detail="userName has more than 254 characters")
    return name


def _say(said: ScimUser, wanted: Any, name: str) -> None:
    said.user_name, said.user_name_key = name, resources.key(name)
    said.external_id, said.attributes = wanted.external_id, resources.attributes(wanted)


def _reachable(member: Member) -> None:
    if member.is_break_glass:
        raise ForbiddenException(
            detail="this member may sign in should the identity provider fail, so no directory ends them:"
            " an owner does (PUT /v1/members/{id})"
        )
