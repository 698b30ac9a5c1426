"""What every change of access obeys: nobody gives or takes what they do not have, and an owner always remains.

Belongs here: the two rules, and giving roles under them. Does not belong here: what the roles are given to.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from api.kernel.principal import EVERYTHING, EVERYWHERE, ForbiddenError, Principal
from api.organisations import conditions, roles
from api.organisations.events import RoleGiven
from api.organisations.grants import Grants, missing, union
from api.organisations.models import Assignment, Group, Member, ServiceAccount
from api.organisations.repository.access import AccessRepository
from api.organisations.repository.rows import Holder, RowRepository
from nexus.db import Session
from nexus.errors import ConflictError, InputError
from nexus.ids import new_id

if TYPE_CHECKING:
    from api.organisations.schemas.access import RoleGivenIn

_COLUMN = {Member: "member_id", Group: "group_id", ServiceAccount: "service_account_id"}


class EscalationError(ForbiddenError):
    code = "beyond_own_permissions"


class LastOwnerError(ConflictError):
    code = "last_owner"


def within(caller: Principal, wanted: Grants, doing: str) -> None:
    """Raises EscalationError unless the caller has all of `wanted` itself."""
    if lacking := missing(caller.grants, wanted):
        where = "; ".join(
            f"{'everywhere' if scope == EVERYWHERE else scope}: {', '.join(_told(p) for p in sorted(permissions)[:5])}"
            for scope, permissions in sorted(lacking.items())
        )
        raise EscalationError(
            f"{doing} needs that you have yourself what it is about ({where})", remedy="ask somebody who has it"
        )


def _told(permission: str) -> str:
    return "everything" if permission == EVERYTHING else permission


class Rules:
    """The rules, within one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.rows = RowRepository(session)
        self.access = AccessRepository(session)

    @asynccontextmanager
    async def changing(self, organisation: str) -> AsyncIterator[None]:
        """One change of access at a time; refused if it would leave an organisation that had an owner without one, or one
        that had an owner who can sign in without such.

        Raises LastOwnerError. Where single sign-on is required, an owner who breaks glass must remain as well.
        """
        await self.rows.lock(organisation)
        before = await self.rows.owners(organisation)
        yield
        await self._session.flush()
        after = await self.rows.owners(organisation)
        if (before.members and not after.members) or (before.able and not after.able):
            raise LastOwnerError(
                "an organisation has an owner who can sign in, and this is the last", remedy="make another owner first"
            )
        if before.glass and not after.glass and await self.rows.asks_for_sso():
            raise LastOwnerError(
                "single sign-on is required, and this is the last owner who could sign in without it",
                remedy="let another owner break glass first",
            )

    async def grants(self, given: Iterable[RoleGivenIn | RoleGiven | Assignment]) -> Grants:
        """What roles come to where they are given, every condition fulfilled. Raises InputError for a role that is not there."""
        given = list(given)
        custom = await self.rows.custom_roles({g.role for g in given if g.role not in roles.BUILT_IN})
        if unknown := sorted({g.role for g in given} - set(roles.BUILT_IN) - custom.keys()):
            raise InputError(f"there is no role {unknown[0]}", remedy="GET /v1/roles lists them")
        return union(
            *(
                roles.granted(custom[g.role].permissions if g.role in custom else roles.permissions(g.role), g.scope)
                for g in given
            )
        )

    async def checked(self, caller: Principal, wanted: Sequence[RoleGivenIn]) -> list[RoleGiven]:
        """Roles that the caller may give. Raises InputError, EscalationError."""
        await self.scopes_known(caller.organisation, {g.scope for g in wanted})
        for each in wanted:
            if each.condition is not None:
                conditions.check(each.condition)
        if len({(g.role, g.scope) for g in wanted}) < len(wanted):
            raise InputError("the same role is given twice in the same place", remedy="join the conditions by ||")
        within(caller, await self.grants(wanted), "giving a role")
        return [RoleGiven(role=g.role, scope=g.scope, condition=g.condition) for g in wanted]

    async def set_roles(self, caller: Principal, holder: Holder, wanted: Sequence[RoleGivenIn]) -> None:
        """Makes `wanted` the roles of the holder. What stays is not asked about; what comes or goes the caller must have."""
        have = {(a.role, a.scope, a.condition): a for a in await self.rows.assignments(holder)}
        want = {(g.role, g.scope, g.condition): g for g in wanted}
        added = [g for key, g in want.items() if key not in have]
        gone = [a for key, a in have.items() if key not in want]
        await self.checked(caller, added)
        if len({(g.role, g.scope) for g in wanted}) < len(wanted):
            raise InputError("the same role is given twice in the same place", remedy="join the conditions by ||")
        within(caller, await self.of_assignments(gone), "taking a role away")
        await self.rows.remove(*gone)
        await self.give(caller.id, holder, added)

    async def give(self, actor: str, holder: Holder, given: Iterable[RoleGivenIn | RoleGiven]) -> None:
        await self.rows.add(
            *(
                Assignment(
                    id=new_id("asg"),
                    organisation_id=holder.organisation_id,
                    role=g.role,
                    scope=g.scope,
                    condition=g.condition,
                    created_by=actor,
                    **{_COLUMN[type(holder)]: holder.id},
                )
                for g in given
            )
        )

    async def of_assignments(self, given: Sequence[Assignment]) -> Grants:
        """What assignments come to; one of a role that is gone comes to nothing."""
        custom = await self.rows.custom_roles({a.role for a in given})
        return await self.grants([a for a in given if a.role in roles.BUILT_IN or a.role in custom])

    async def held(self, organisation: str, member: Member) -> Grants:
        """Everything that a member may get by its roles and groups, every condition fulfilled."""
        subject = await self.access.member(organisation, member.id)
        given = await self.access.given(organisation, subject) if subject else []
        return union(*(roles.granted(g.permissions, g.scope) for g in given))

    async def roles_of(self, holder: Holder) -> tuple[RoleGiven, ...]:
        return tuple(
            RoleGiven(role=a.role, scope=a.scope, condition=a.condition) for a in await self.rows.assignments(holder)
        )

    async def scopes_known(self, organisation: str, scopes: set[str]) -> None:
        """Raises InputError for a workspace that the organisation does not have."""
        if unknown := sorted(scopes - {EVERYWHERE} - await self.access.workspaces(organisation)):
            raise InputError(
                f"the organisation has no workspace {unknown[0]!r}", remedy="GET /v1/workspaces lists them"
            )
