"""Handing over and erasing a person.

Belongs here: what both consist of, and when an erasure is refused. Does not belong here: which tables hold something
(`api/<domain>/personal.py`), HTTP.

An erasure deletes rows, ends everything that is open, and deletes the key under which append-only tables keep what is
personal. It cannot be taken back.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from api.identity import directory, sessions
from api.identity.directory import email_key, tell
from api.kernel.principal import Principal
from api.oidc.flow.server import revoke
from api.oidc.models import Grant
from api.organisations.events import MemberRemoved
from api.organisations.models import Member
from api.organisations.service.members import MemberService
from api.organisations.service.rules import LastOwnerError, Rules, within
from api.privacy import repository
from api.privacy.events import PersonErased, PersonExported
from api.privacy.models import Erasure
from api.privacy.schemas import PersonOut
from nexus.db import Session, Tenant
from nexus.errors import ConflictError, InputError, NotFoundError
from nexus.ids import new_id
from nexus.personal import opened
from nexus.personal.register import Subject, holdings

BECAUSE = "erased"


class ElsewhereError(ConflictError):
    code = "belongs_elsewhere"


async def of_member(session: Session, caller: Principal, member_id: str, doing: str) -> Member:
    """The member of the caller's organisation, if it alone has the person and the caller may whatever the member may.

    Raises NotFoundError, ElsewhereError, EscalationError.
    """
    found = await repository.member(session, caller.organisation, member_id)
    if found is None:
        raise NotFoundError("there is no such member")
    within(caller, await Rules(session).held(caller.organisation, found), doing)
    if len(await repository.memberships(session, found.user_id)) > 1:
        raise ElsewhereError(
            "the person belongs to other organisations too, whose data is not yours",
            remedy="remove the member; the person does the rest themselves at /account/data",
        )
    return found


async def export(session: Session, user_id: str, actor: str, reason: str, tenant: Tenant | None = None) -> PersonOut:
    """Everything that is held, but for what others have sealed in the same events. Raises NotFoundError."""
    person = await _subject(session, user_id)
    tables = {h.name: await repository.rows(session, h, person) for h in holdings()}
    told = await repository.events(session, user_id)
    data = await opened(session, [e["data"] for e in told], only=user_id)
    happened = PersonExported(person_id=user_id, actor_id=actor, reason=reason)
    session.record(happened, tenant=tenant or directory.HOUSE)
    return PersonOut(
        person_id=user_id,
        exported_at=datetime.now(UTC),
        tables={name: found for name, found in tables.items() if found},
        events=[{**event, "data": said} for event, said in zip(told, data, strict=True)],
    )


async def erase(session: Session, user_id: str, actor: str, reason: str) -> Erasure:
    """`reason` stays readable: a key of the person, under which to seal it, is no more.

    Raises NotFoundError; InputError if the reason has their address; LastOwnerError if an organisation would be left
    without an owner.
    """
    person = await _subject(session, user_id)
    if person.email_key in email_key(reason):
        raise InputError(
            "the reason is kept, and has the address of who is erased", remedy="name a ticket or a date instead"
        )
    if owned := await repository.owned_alone(session, user_id):
        raise LastOwnerError(f"{owned[0]} would be left without an owner", remedy="make another owner of it first")
    await directory.deactivate(session, user_id)
    await sessions.revoke_all(session, user_id, BECAUSE)
    await revoke(session, BECAUSE, Grant.user_id == user_id)
    await _leave(session, user_id, actor)
    await session.flush()
    session.expunge_all()
    removed = {h.name: await repository.remove(session, h, person) for h in holdings() if not h.kept}
    await repository.shred(session, user_id)
    made = Erasure(id=new_id("ers"), user_id=user_id, asked_by=actor, reason=reason, rows=_counted(removed))
    session.add(made)
    await session.flush()
    tell(session, PersonErased(person_id=user_id, erasure_id=made.id, actor_id=actor))
    return made


async def _leave(session: Session, user_id: str, actor: str) -> None:
    """Tells each organisation that it has a member less; the rows go with the others."""
    service = MemberService(session)
    for member in await repository.memberships(session, user_id):
        gone = MemberRemoved(member_id=member.id, actor_id=actor, before=await service.state(member))
        session.record(gone, tenant=Tenant(member.organisation_id))


async def _subject(session: Session, user_id: str) -> Subject:
    person = await directory.user(session, user_id)
    if person is None:
        raise NotFoundError("there is no such person", remedy="have they been erased already?")
    return Subject(user_id, email_key(person.email))


def _counted(removed: dict[str, int]) -> dict[str, Any]:
    return {name: count for name, count in removed.items() if count}
