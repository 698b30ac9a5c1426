"""Rows of the organisation, whatever they are: one, a page, a new one, and the lock under which access changes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple, TypeVar

from sqlalchemy import ColumnElement, delete, exists, func, select

from api.kernel.pages import Cut, Rows, paged
from api.organisations import roles
from api.organisations.models import (
    ApiKey,
    Assignment,
    Domain,
    Group,
    GroupMember,
    Invitation,
    Member,
    Policy,
    Role,
    ServiceAccount,
)
from nexus.db import Organisation, Session
from nexus.errors import NotFoundError

Row = TypeVar("Row", Member, Role, Group, ServiceAccount, Invitation, Domain, ApiKey)
#: What assignments are given to.
Holder = Member | Group | ServiceAccount
_SUBJECT = {Member: Assignment.member_id, Group: Assignment.group_id, ServiceAccount: Assignment.service_account_id}


class Owners(NamedTuple):
    """How many active members own the organisation directly and unconditionally; how many of them have an account that may
    sign in, and how many of those break glass."""

    members: int
    able: int
    glass: int


class RowRepository:
    """Which organisation's rows there are, row-level security decides: no statement names it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def lock(self, organisation: str) -> None:
        """From here to the end of the transaction nobody else changes who may do what in the organisation."""
        await self._session.execute(select(Organisation.id).where(Organisation.id == organisation).with_for_update())

    async def page(self, model: type[Row], cut: Cut, *where: ColumnElement[bool]) -> Rows[Row]:
        """Newest first."""
        return await paged(self._session, select(model).where(*where), cut, model.created_at, model.id)

    async def get(self, model: type[Row], id: str, *, to_change: bool = False) -> Row:
        """Raises NotFoundError, also for one of another organisation."""
        found = await self._session.get(model, id, with_for_update=to_change or None, populate_existing=to_change)
        if found is None:
            raise NotFoundError(f"there is no such {_word(model)}")
        return found

    async def add(self, *made: object) -> None:
        self._session.add_all(made)
        await self._session.flush()

    async def remove(self, *gone: object) -> None:
        for row in gone:
            await self._session.delete(row)
        await self._session.flush()

    async def touch(self, row: Holder) -> None:
        """Counts a change of what belongs to the row as one of the row: its ETag is another."""
        row.updated_at = func.clock_timestamp()
        await self._session.flush()
        await self._session.refresh(row)

    async def has_name(self, model: type[Role] | type[Group] | type[ServiceAccount], name: str, but: str = "") -> bool:
        return bool(await self._session.scalar(select(exists().where(model.name == name, model.id != but))))

    async def member_by_user(self, organisation: str, user_id: str) -> Member | None:
        """A person may be a member of others too, and whoever accepts an invitation has a session that sees them all."""
        found: Member | None = await self._session.scalar(
            select(Member).where(Member.organisation_id == organisation, Member.user_id == user_id)
        )
        return found

    async def has_members(self, organisation: str) -> bool:
        return bool(await self._session.scalar(select(exists().where(Member.organisation_id == organisation))))

    async def assignments(self, holder: Holder) -> Sequence[Assignment]:
        """Given to the holder itself, oldest first."""
        query = select(Assignment).where(_SUBJECT[type(holder)] == holder.id).order_by(Assignment.id)
        return (await self._session.scalars(query)).all()

    async def scopes_of(self, role: str) -> Sequence[str]:
        """Where the role is given."""
        return (await self._session.scalars(select(Assignment.scope).where(Assignment.role == role).distinct())).all()

    async def custom_roles(self, ids: Collection[str]) -> dict[str, Role]:
        rows = await self._session.scalars(select(Role).where(Role.id.in_(ids)))
        return {row.id: row for row in rows}

    async def members_of(self, group: str) -> Sequence[str]:
        query = select(GroupMember.member_id).where(GroupMember.group_id == group).order_by(GroupMember.member_id)
        return (await self._session.scalars(query)).all()

    async def known_members(self, ids: Collection[str]) -> set[str]:
        return set(await self._session.scalars(select(Member.id).where(Member.id.in_(ids))))

    async def leave(self, group: str, members: Collection[str]) -> None:
        await self._session.execute(
            delete(GroupMember).where(GroupMember.group_id == group, GroupMember.member_id.in_(members))
        )

    async def owners(self, organisation: str) -> Owners:
        can_sign_in = func.app.identity_is_active(Member.user_id)
        row = await self._session.execute(
            select(
                func.count(),
                func.count().filter(can_sign_in),
                func.count().filter(can_sign_in, Member.is_break_glass),
            )
            .select_from(Member)
            .where(
                Member.organisation_id == organisation,
                Member.status == "active",
                exists().where(
                    Assignment.member_id == Member.id,
                    Assignment.role == roles.OWNER,
                    Assignment.scope == "*",
                    Assignment.condition.is_(None),
                ),
            )
        )
        return Owners(*row.one())

    async def asks_for_sso(self) -> bool:
        return bool(await self._session.scalar(select(Policy.is_sso_required)))


def _word(model: type[object]) -> str:
    names: dict[type[object], str] = {ServiceAccount: "service account", ApiKey: "API key"}
    return names.get(model, model.__name__.lower())
