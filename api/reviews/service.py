"""Reviews: what the roles of everybody give against what was used, and what other roles would have refused.

Belongs here: both questions. Does not belong here: counting (tally.py), changing a role (api/organisations).

Conditions count as fulfilled: what depends on the circumstances of a request is granted for a review, and a policy that is
tried refuses only what it could never let through.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

from fastapi import Depends, Request

from api.kernel.permissions import catalogue
from api.kernel.principal import EVERYTHING, EVERYWHERE, Principal
from api.kernel.transactions import Transaction
from api.organisations import roles
from api.organisations.grants import Grants, allows, union
from api.organisations.models import Member, Role, ServiceAccount
from api.organisations.repository.access import Given, Subject
from api.organisations.schemas.access import RoleGivenIn
from api.organisations.service.rules import Rules
from api.reviews import repository
from api.reviews.repository import Used
from api.reviews.schemas import GrantedOut, RefusedOut, ReplayIn, ReplayOut, ReviewOut
from api.reviews.tally import Tally
from nexus.db import Session


class ReviewService:
    def __init__(self, session: Session) -> None:
        self._session = session
        self.rules = Rules(session)

    async def of(self, caller: Principal, holders: Sequence[Member | ServiceAccount], days: int) -> list[ReviewOut]:
        """In the order of `holders`."""
        subjects = [_subject(holder) for holder in holders]
        found = await repository.used(self._session, days, [_uses(s) for s in subjects])
        used = repository.by_subject(found)
        return [
            _reviewed(s, await self.rules.access.given(caller.organisation, s), used.get(_uses(s), ()))
            for s in subjects
        ]

    async def replay(self, caller: Principal, said: ReplayIn) -> ReplayOut:
        """Raises NotFoundError for a member or a role that is not there, InputError for roles that cannot be given."""
        tried = {role.role_id: frozenset(role.permissions) for role in said.roles}
        for id in tried:
            await self.rules.rows.get(Role, id)
        members: dict[str, Sequence[RoleGivenIn]] = {}
        for one in said.members:
            await self.rules.scopes_known(caller.organisation, {g.scope for g in one.roles})
            members[(await self.rules.rows.get(Member, one.member_id)).user_id] = one.roles
        used = repository.by_subject(await repository.used(self._session, said.days))
        refused = [
            RefusedOut(subject_id=u.subject_id, permission=u.permission, scope=u.scope, uses=u.uses, last_used_at=u.last_at)
            for subject_id, theirs in used.items()
            for u in await self._refused(caller.organisation, subject_id, theirs, tried, members.get(subject_id))
        ]  # fmt: skip
        total = sum(u.uses for theirs in used.values() for u in theirs)
        return ReplayOut(requests=total, refused=sum(u.uses for u in refused), uses=refused)

    async def _refused(
        self, organisation: str, subject_id: str, used: Sequence[Used], tried: Mapping[str, frozenset[str]],
        wanted: Sequence[RoleGivenIn] | None,
    ) -> list[Used]:  # fmt: skip
        """What of it is allowed today, and would not be."""
        access = self.rules.access
        subject = await access.member_of(organisation, subject_id) or await access.service_account(
            organisation, subject_id
        )
        if subject is None:
            return []
        given = await access.given(organisation, subject)
        today = _grants(subject, [(g.permissions, g.scope) for g in given])
        then = [(tried.get(g.role, g.permissions), g.scope) for g in given if wanted is None or g.group_id is not None]
        then += [(await self._permissions(g.role, tried), g.scope) for g in wanted or ()]
        new = _grants(subject, then)
        return [u for u in used if allows(today, u.permission, u.scope) and not allows(new, u.permission, u.scope)]

    async def _permissions(self, role: str, tried: Mapping[str, frozenset[str]]) -> frozenset[str]:
        if role in tried or role in roles.BUILT_IN:
            return tried[role] if role in tried else roles.permissions(role)
        return frozenset((await self.rules.rows.get(Role, role)).permissions)


def _grants(subject: Subject, given: Iterable[tuple[frozenset[str], str]]) -> Grants:
    found = union(*(roles.granted(permissions, scope) for permissions, scope in given))
    return union(roles.baseline(), found) if subject.kind == "member" else found


def _subject(holder: Member | ServiceAccount) -> Subject:
    if isinstance(holder, Member):
        return Subject("member", holder.id, holder.status == "active", holder.user_id)
    return Subject("service_account", holder.id, holder.disabled_at is None)


def _uses(subject: Subject) -> str:
    """Under which id what it did is counted."""
    return subject.user_id or subject.id


def _reviewed(subject: Subject, given: Sequence[Given], used: Sequence[Used]) -> ReviewOut:
    granted = union(*(roles.granted(g.permissions, g.scope) for g in given))
    shown = [
        _shown(permission, scope, used)
        for scope, permissions in sorted(granted.items())
        for permission in sorted(catalogue() if EVERYTHING in permissions else permissions & catalogue().keys())
    ]
    return ReviewOut(
        id=subject.id, kind=subject.kind, user_id=subject.user_id, is_active=subject.is_active,
        roles=[RoleGivenIn(role=g.role, scope=g.scope, condition=g.condition) for g in given],
        unused=sum(g.uses == 0 for g in shown), granted=shown,
    )  # fmt: skip


def _shown(permission: str, scope: str, used: Sequence[Used]) -> GrantedOut:
    mine = [u for u in used if u.permission == permission and scope in {EVERYWHERE, u.scope}]
    return GrantedOut(
        permission=permission, scope=scope, uses=sum(u.uses for u in mine),
        last_used_at=max((u.last_at for u in mine), default=None), used_in=sorted({u.scope for u in mine}),
    )  # fmt: skip


async def _service(session: Transaction, request: Request) -> ReviewService:
    # what this process has counted is part of the answer
    tally: Tally = request.app.state.uses
    await tally.keep()
    return ReviewService(session)


Reviews = Annotated[ReviewService, Depends(_service)]
