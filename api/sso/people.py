"""From what a provider says to one of our people: found by its name for them, linked by a proved address, or made.

Belongs here: whom a provider may vouch for, and which roles that gives. Does not belong here: the protocols.

A provider names people by `subject`; the address that it says is looked at once, to find out who that is. Theirs here must be of
a domain that the organisation has proved and the connection is for, then and ever after: nobody's provider can name somebody who is
not of its house.
"""

from __future__ import annotations

from collections.abc import Sequence

from api.identity import directory
from api.identity.directory import Person
from api.organisations.events import RoleGiven
from api.organisations.service.members import MemberService
from api.sso import repository
from api.sso.events import LinkCreated
from api.sso.models import Connection, Link
from api.sso.upstream import UpstreamError, Vouched
from nexus.db import Session
from nexus.ids import new_id


async def matched(session: Session, row: Connection, vouched: Vouched) -> Person:
    """The person. `session` sees every tenant and acts for the connection's organisation. Raises UpstreamError."""
    link = await repository.link(session, row.id, vouched.subject)
    if link is not None:
        person = await directory.user(session, link.user_id)
        if person is not None:
            await _speaks_for(session, row, person.email)
        link.last_used_at = await repository.now(session)
        await _may_come_in(session, row, person)
    else:
        person = await _by_address(session, row, vouched)
    if person is None or not person.active:
        raise UpstreamError("inactive", "the person is deactivated", remedy="nexus users reactivate")
    return person


async def admitted(session: Session, row: Connection, vouched: Vouched, person: Person) -> None:
    """The person is a member, with the roles that signing in by the connection gives. `session` sees this organisation alone.

    What others have given stays; what the connection has given becomes what it gives now. Raises UpstreamError, LastOwnerError.
    """
    members = MemberService(session)
    wanted = {(g.role, g.scope): g for g in _wanted(row, vouched)}
    member = await repository.member(session, row.organisation_id, person.id)
    if member is None:
        await members.create(row.organisation_id, person.id, list(wanted.values()), actor=row.id)
        return
    given = await repository.given_by(session, row.id, member)
    gone = [a for a in given if (a.role, a.scope) not in wanted]
    held = {(a.role, a.scope) for a in await members.rows.assignments(member)}
    new = [g for key, g in wanted.items() if key not in held]
    if gone or new:
        async with members.rules.changing(row.organisation_id):
            before = await members.state(member)
            await members.rows.remove(*gone)
            await members.rules.give(row.id, member, new)
            await members.tell(row.id, member, before)


async def _by_address(session: Session, row: Connection, vouched: Vouched) -> Person:
    """Whoever has the address, or somebody new; from now on the subject is theirs."""
    email = vouched.email
    if email is None:
        raise UpstreamError("no_email", "the provider says no e-mail address", remedy="map it: mapping.email")
    await _speaks_for(session, row, email)
    if not vouched.is_email_verified:
        raise UpstreamError("unverified_address", "the provider does not say that it has verified the address")
    person = await directory.by_email(session, email)
    because = "email" if person else "provisioned"
    await _may_come_in(session, row, person)
    if person is None:
        name = vouched.name if vouched.name.strip() else email.partition("@")[0]
        person = await directory.create(session, email=email, name=name[:200], email_verified=True)
    elif await repository.is_linked(session, row.id, person.id):
        # an address that was given to somebody else must not open the account of who had it
        raise UpstreamError(
            "other_subject", "the provider names somebody else by the address of a person it has named before",
            remedy="if they are the same: POST /v1/sso/connections/{id}:unlink"
        )  # fmt: skip
    made = Link(
        id=new_id("lnk"), organisation_id=row.organisation_id, connection_id=row.id, subject=vouched.subject,
        user_id=person.id,
    )  # fmt: skip
    session.add(made)
    await session.flush()
    happened = LinkCreated(link_id=made.id, connection_id=row.id, user_id=person.id, because=because)
    session.record(happened, expected_version=0)
    return person


async def _speaks_for(session: Session, row: Connection, email: str) -> None:
    """Raises UpstreamError for an address of a domain that is not the connection's, or that the organisation has not proved (any more)."""
    domain = directory.email_key(email).rpartition("@")[2]
    if domain not in set(row.domains) & await repository.proved(session, row.organisation_id):
        raise UpstreamError(
            "foreign_address", "the address is of a domain for which this connection does not speak",
            remedy="prove the domain, and add it to the connection's domains",
        )  # fmt: skip


async def _may_come_in(session: Session, row: Connection, person: Person | None) -> None:
    """Raises UpstreamError for who is no active member, unless the connection makes members."""
    member = await repository.member(session, row.organisation_id, person.id) if person else None
    if member is None and not row.is_provisioning:
        raise UpstreamError(
            "no_member", "the person is no member of the organisation", remedy="invite them, or set is_provisioning"
        )
    if member is not None and member.status != "active":
        raise UpstreamError("suspended", "the member is suspended", remedy="PUT /v1/members/{id}")


def _wanted(row: Connection, vouched: Vouched) -> Sequence[RoleGiven]:
    mine = set(vouched.groups)
    found = [*row.default_roles, *(g["role"] for g in row.group_roles if g["group"] in mine)]
    return [RoleGiven(**given) for given in found]
