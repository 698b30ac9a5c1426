"""What somebody may do in an organisation, and why: for whoever makes a `Principal` of a credential.

Belongs here: from assignments to grants and decisions. Does not belong here: changing assignments (service/), the
credential itself.

Every function takes a session that sees the organisation: one that acts for it, or `database(request).system()`.
`organisations_of` and `realm_of` look across organisations and need the latter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from api.organisations import conditions, roles
from api.organisations.conditions import Circumstances
from api.organisations.grants import NONE, Grants, union
from api.organisations.repository.access import AccessRepository, Belonging, Given, Realm, Subject
from nexus.db import Session

Admission = Literal["yes", "sso", "mfa", "other"]
#: Methods that say of a sign-in that a second factor was shown: now, or before in this browser.
SECOND = frozenset({"mfa", "remembered"})
__all__ = ["Access", "Belonging", "Circumstances", "Realm", "grants", "of", "organisations_of", "realm_of"]


@dataclass(frozen=True)
class Access:
    """Everything that one member or service account has been given. Nothing counts for one that is not active."""

    subject: Subject
    organisation: str
    known_workspaces: frozenset[str]
    given: tuple[Given, ...]

    @cached_property
    def by_scope(self) -> Mapping[str, tuple[Given, ...]]:
        """What is given where, oldest first."""
        found: dict[str, list[Given]] = {}
        for held in self.given:
            found.setdefault(held.scope, []).append(held)
        return {scope: tuple(held) for scope, held in found.items()}

    def counting(self, circumstances: Circumstances | None = None, action: str = "") -> Iterator[Given]:
        """Assignments that count now; without circumstances, those without a condition."""
        for held in self.given if self.subject.is_active else ():
            if held.condition is None or (
                circumstances is not None and conditions.holds(held.condition, self.subject.id, action, circumstances)
            ):
                yield held

    def grants(self, circumstances: Circumstances | None = None) -> Grants:
        """Exactly `Principal.grants`."""
        if not self.subject.is_active:
            return NONE
        found = union(*(roles.granted(held.permissions, held.scope) for held in self.counting(circumstances)))
        return union(roles.baseline(), found) if self.subject.kind == "member" else found

    def workspaces(self, circumstances: Circumstances | None = None) -> frozenset[str]:
        """Exactly `Principal.workspaces`."""
        return roles.workspaces(self.grants(circumstances), self.known_workspaces)


async def of(
    session: Session, organisation: str, *, user_id: str | None = None, service_account_id: str | None = None
) -> Access | None:
    """Access of a user or a service account (one of the two); None if it does not belong to the organisation."""
    repository = AccessRepository(session)
    if user_id is not None:
        subject = await repository.member_of(organisation, user_id)
    else:
        subject = await repository.service_account(organisation, service_account_id or "")
    return await given_to(session, organisation, subject) if subject else None


async def given_to(session: Session, organisation: str, subject: Subject) -> Access:
    repository = AccessRepository(session)
    given = await repository.given(organisation, subject)
    return Access(subject, organisation, await repository.workspaces(organisation), tuple(given))


async def grants(
    session: Session, user_id: str, organisation: str, circumstances: Circumstances | None = None
) -> Grants:
    """`Principal.grants` of a user in an organisation; empty for who does not belong to it, or is suspended.

    Without circumstances only what has no condition counts.
    """
    found = await of(session, organisation, user_id=user_id)
    return found.grants(circumstances) if found else NONE


async def organisations_of(session: Session, user_id: str) -> list[Belonging]:
    """Organisations in which the user is an active member, by name. `session` must see every tenant."""
    return await AccessRepository(session).organisations_of(user_id)


async def realm_of(session: Session, email: str) -> Realm | None:
    """The organisation that has proved the address's domain; None if nobody has. `session` must see every tenant."""
    return await AccessRepository(session).realm_of(email.rpartition("@")[2].strip().lower())


def admits(belonging: Belonging, methods: frozenset[str], realm: str | None = None) -> Admission:
    """Whether a sign-in by these methods opens the organisation, or what it lacks.

    `realm` is the organisation whose provider vouched for the user: it opens that one and no "other". "sso": the organisation
    asks for its own provider. "mfa": it asks for a second factor.
    """
    if realm is not None and realm != belonging.organisation_id:
        return "other"
    if belonging.is_sso_required and not belonging.is_break_glass and realm is None:
        return "sso"
    return "mfa" if belonging.is_mfa_required and not methods & SECOND else "yes"
