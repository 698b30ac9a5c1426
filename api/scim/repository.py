"""Statements about provisioned members and groups. Row-level security says whose; those marked so run among people."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, or_, select

from api.identity.models import User
from api.organisations.models import Domain, Group, GroupMember, Member
from api.scim.models import ScimAccount, ScimGroup, ScimUser
from api.scim.transactions import among_people
from nexus.db import Session


@dataclass(slots=True)
class UserEntry:
    """A member, what the directory says of them (None: it has said nothing), the person, and their groups."""

    member: Member
    said: ScimUser | None
    person: User
    groups: list[Group] = field(default_factory=list)


@dataclass(slots=True)
class GroupEntry:
    group: Group
    said: ScimGroup | None
    members: list[str] = field(default_factory=list)


class ScimRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def users(self, *where: ColumnElement[bool], limit: int, offset: int = 0) -> list[UserEntry]:
        """By id, the oldest first."""
        rows = await self._session.execute(
            select(Member, ScimUser)
            .outerjoin(ScimUser, ScimUser.member_id == Member.id)
            .where(*where)
            .order_by(Member.id)
            .limit(limit)
            .offset(offset)
            .execution_options(populate_existing=True)
        )
        found = [(member, said) for member, said in rows]
        people = await self._people({member.user_id for member, _ in found})
        entries = {m.id: UserEntry(m, said, people[m.user_id]) for m, said in found if m.user_id in people}
        memberships = await self._session.execute(
            select(GroupMember.member_id, Group)
            .join(Group, Group.id == GroupMember.group_id)
            .where(GroupMember.member_id.in_(entries))
            .order_by(Group.id)
        )
        for member_id, group in memberships:
            entries[member_id].groups.append(group)
        return list(entries.values())

    async def groups(self, *where: ColumnElement[bool], limit: int, offset: int = 0) -> list[GroupEntry]:
        """By id, the oldest first."""
        rows = await self._session.execute(
            select(Group, ScimGroup)
            .outerjoin(ScimGroup, ScimGroup.group_id == Group.id)
            .where(*where)
            .order_by(Group.id)
            .limit(limit)
            .offset(offset)
            .execution_options(populate_existing=True)
        )
        entries = {group.id: GroupEntry(group, said) for group, said in rows}
        memberships = await self._session.execute(
            select(GroupMember.group_id, GroupMember.member_id)
            .where(GroupMember.group_id.in_(entries))
            .order_by(GroupMember.group_id, GroupMember.member_id)
        )
        for group_id, member_id in memberships:
            entries[group_id].members.append(member_id)
        return list(entries.values())

    async def count(self, table: type[Member] | type[Group]) -> int:
        return int(await self._session.scalar(select(func.count()).select_from(table)) or 0)

    async def named(self, user_name_key: str) -> ColumnElement[bool]:
        """The condition on members that have the name: the directory says so, or it is their address and it says nothing."""
        async with among_people(self._session):
            user_id = await self._session.scalar(select(User.id).where(User.email_key == user_name_key))
        said = ScimUser.user_name_key == user_name_key
        return or_(said, ScimUser.member_id.is_(None) & (Member.user_id == user_id)) if user_id else said

    async def proved(self, domains: Collection[str]) -> set[str]:
        """Which of these domains the organisation has proved."""
        query = select(Domain.name).where(Domain.name.in_(domains), Domain.verified_at.is_not(None))
        return set(await self._session.scalars(query))

    async def account(self, user_id: str) -> ScimAccount | None:
        """The account, if this organisation's directory made it."""
        return await self._session.get(ScimAccount, user_id, with_for_update=True, populate_existing=True)

    async def belongs_elsewhere(self, user_id: str, organisation: str) -> bool:
        """Whether another organisation has the person as a member. Among people."""
        query = exists().where(Member.user_id == user_id, Member.organisation_id != organisation)
        return bool(await self._session.scalar(select(query)))

    async def add(self, row: object) -> None:
        self._session.add(row)
        await self._session.flush()

    async def now(self) -> datetime:
        found = await self._session.scalar(select(func.now()))
        assert isinstance(found, datetime)
        return found

    async def saved(self) -> None:
        await self._session.flush()

    async def _people(self, ids: Collection[str]) -> dict[str, User]:
        if not ids:
            return {}
        async with among_people(self._session):
            return {user.id: user for user in await self._session.scalars(select(User).where(User.id.in_(ids)))}


def by_ids(table: type[Member] | type[Group], ids: Sequence[str]) -> ColumnElement[bool]:
    return table.id.in_(ids)


def by_external_id(table: type[Member] | type[Group], external_id: str) -> ColumnElement[bool]:
    return (ScimUser if table is Member else ScimGroup).external_id == external_id


def by_display_name(name: str) -> ColumnElement[bool]:
    return func.lower(Group.name) == name.lower()


def by_member(member_id: str) -> ColumnElement[bool]:
    return Group.id.in_(select(GroupMember.group_id).where(GroupMember.member_id == member_id))
