"""Reading what was given to whom. Row-level security keeps organisations apart; the conditions are for sessions that see all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import or_, select

from api.organisations import roles
from api.organisations.models import Assignment, Domain, Group, GroupMember, Member, Policy, Role, ServiceAccount
from nexus.db import Organisation, Session, Workspace


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom assignments are given to. `id` is that of the member or service account; `user_id` the member's user."""

    kind: Literal["member", "service_account"]
    id: str
    is_active: bool
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """One assignment that reaches a subject, directly or through a group. `role` is a built-in's name or a custom's id."""

    assignment_id: str
    role: str
    role_name: str
    permissions: frozenset[str]
    scope: str
    condition: str | None
    group_id: str | None = None
    group_name: str | None = None


@dataclass(frozen=True, slots=True)
class Belonging:
    """An organisation, as one of its members sees it."""

    organisation_id: str
    name: str
    member_id: str
    is_break_glass: bool
    is_sso_required: bool
    is_mfa_required: bool


@dataclass(frozen=True, slots=True)
class Realm:
    """The organisation that answers for a domain, and how its people sign in."""

    organisation_id: str
    name: str
    domain: str
    is_sso_required: bool


class AccessRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def member_of(self, organisation: str, user_id: str) -> Subject | None:
        row = await self._session.scalar(
            select(Member).where(Member.organisation_id == organisation, Member.user_id == user_id)
        )
        return Subject("member", row.id, row.status == "active", row.user_id) if row else None

    async def member(self, organisation: str, member_id: str) -> Subject | None:
        row = await self._session.scalar(
            select(Member).where(Member.organisation_id == organisation, Member.id == member_id)
        )
        return Subject("member", row.id, row.status == "active", row.user_id) if row else None

    async def service_account(self, organisation: str, id: str) -> Subject | None:
        row = await self._session.scalar(
            select(ServiceAccount).where(ServiceAccount.organisation_id == organisation, ServiceAccount.id == id)
        )
        return Subject("service_account", row.id, row.disabled_at is None) if row else None

    async def given(self, organisation: str, subject: Subject) -> list[Given]:
        """Assignments that reach the subject, oldest first. One of a custom role that is gone gives nothing."""
        if subject.kind == "member":
            groups = select(GroupMember.group_id).where(GroupMember.member_id == subject.id)
            reaching = or_(Assignment.member_id == subject.id, Assignment.group_id.in_(groups))
        else:
            reaching = Assignment.service_account_id == subject.id
        rows = await self._session.execute(
            select(Assignment, Role.name, Role.permissions, Group.name)
            .outerjoin(Role, (Role.id == Assignment.role) & (Role.organisation_id == Assignment.organisation_id))
            .outerjoin(Group, Group.id == Assignment.group_id)
            .where(Assignment.organisation_id == organisation, reaching)
            .order_by(Assignment.id)
        )
        return [_given(*row) for row in rows]

    async def workspaces(self, organisation: str) -> frozenset[str]:
        return frozenset(
            await self._session.scalars(select(Workspace.id).where(Workspace.organisation_id == organisation))
        )

    async def organisations_of(self, user_id: str) -> list[Belonging]:
        rows = await self._session.execute(
            select(
                Organisation.id, Organisation.name, Member.id, Member.is_break_glass, Policy.is_sso_required,
                Policy.is_mfa_required,
            )
            .join(Member, Member.organisation_id == Organisation.id)
            .outerjoin(Policy, Policy.organisation_id == Organisation.id)
            .where(Member.user_id == user_id, Member.status == "active")
            .order_by(Organisation.name, Organisation.id)
        )  # fmt: skip
        return [Belonging(id, name, member, glass, bool(sso), bool(mfa)) for id, name, member, glass, sso, mfa in rows]

    async def realm_of(self, domain: str) -> Realm | None:
        row = (
            await self._session.execute(
                select(Domain.organisation_id, Organisation.name, Domain.name, Policy.is_sso_required)
                .join(Organisation, Organisation.id == Domain.organisation_id)
                .outerjoin(Policy, Policy.organisation_id == Domain.organisation_id)
                .where(Domain.name == domain, Domain.verified_at.is_not(None))
            )
        ).one_or_none()
        return Realm(row[0], row[1], row[2], bool(row[3])) if row else None


def _given(assignment: Assignment, name: str | None, permissions: list[str] | None, group: str | None) -> Given:
    return given(
        assignment.id, assignment.role, name, permissions, assignment.scope, assignment.condition, assignment.group_id,
        group,
    )  # fmt: skip


def given(
    id: str, role: str, name: str | None, permissions: list[str] | None, scope: str, condition: str | None,
    group_id: str | None, group: str | None,
) -> Given:  # fmt: skip
    """`name` and `permissions` are those of a custom role; None for a built-in one, and for one that is gone."""
    built_in = role in roles.BUILT_IN
    allowed = roles.permissions(role) if built_in else frozenset(permissions or ())
    return Given(id, role, role if built_in else name or "", allowed, scope, condition, group_id, group)
