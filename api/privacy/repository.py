"""Statements over what every slice holds of a person. Every transaction is one of `nexus_system`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import CursorResult, delete, func, inspect, select, text
from sqlalchemy.orm import aliased

from api.organisations.models import Assignment, Member
from api.organisations.roles import OWNER
from api.privacy.models import PersonKey
from nexus.db import Session
from nexus.personal.register import Holding, Subject

#: Events that name the person, by their own id or as a member, which they may be no more; those about them belong to several
#: organisations. Of groups only what the person did: their events list other members.
_EVENTS = text(
    "with membership (id) as ("
    "  select id from app.organisations_member where user_id = :id union"
    "  select data ->> 'member_id' from app.events"
    "  where type in ('organisations.member.created', 'organisations.member.changed', 'organisations.member.removed')"
    "    and :id in (data #>> '{before,user_id}', data #>> '{after,user_id}'))"
    " select type, time, organisation_id, data from app.events"
    " where data ->> 'user_id' = :id or data ->> 'person_id' = :id or data ->> 'actor_id' = :id"
    "   or data ->> 'member_id' in (select id from membership)"
    "   or data #>> '{after,subject_id}' in (select id from membership)"
    " order by position"
)


async def rows(session: Session, holding: Holding, person: Subject) -> list[dict[str, Any]]:
    """What an export hands over of a holding, oldest first."""
    columns = [getattr(holding.table, name) for name in holding.shown]
    keys = inspect(holding.table).primary_key
    found = await session.execute(select(*columns).where(holding.where(person)).order_by(*keys))
    return [dict(row._mapping) for row in found]


async def remove(session: Session, holding: Holding, person: Subject) -> int:
    """How many rows of a holding are no more."""
    statement = delete(holding.table).where(holding.where(person)).execution_options(synchronize_session=False)
    done = await session.execute(statement)
    assert isinstance(done, CursorResult)
    return done.rowcount


async def events(session: Session, user_id: str) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in await session.execute(_EVENTS, {"id": user_id})]


async def memberships(session: Session, user_id: str) -> Sequence[Member]:
    return (await session.scalars(select(Member).where(Member.user_id == user_id).order_by(Member.id))).all()


async def member(session: Session, organisation: str, member_id: str) -> Member | None:
    query = select(Member).where(Member.id == member_id, Member.organisation_id == organisation)
    found: Member | None = await session.scalar(query)
    return found


async def owned_alone(session: Session, user_id: str) -> list[str]:
    """Organisations that this user owns, and no other active owner of which can sign in."""
    own, other, given = aliased(Member), aliased(Member), aliased(Assignment)
    owners = (
        select(other.organisation_id, other.user_id)
        .join(given, given.member_id == other.id)
        .where(given.role == OWNER, given.scope == "*", given.condition.is_(None), other.status == "active")
        .where((other.user_id == user_id) | func.app.identity_is_active(other.user_id))
        .distinct()
        .subquery()
    )
    query = (
        select(owners.c.organisation_id)
        .where(owners.c.organisation_id.in_(select(own.organisation_id).where(own.user_id == user_id)))
        .group_by(owners.c.organisation_id)
        .having(func.count() == 1, func.min(owners.c.user_id) == user_id)
    )
    return list(await session.scalars(query))


async def shred(session: Session, user_id: str) -> None:
    """Deletes the person's key for ever: the row stays, so that none is made again."""
    statement = text(
        "insert into app.privacy_key (subject, key, erased_at) values (:id, null, now())"
        " on conflict (subject) do update set key = null, erased_at = coalesce(app.privacy_key.erased_at, now())"
    )
    await session.execute(statement, {"id": user_id})


async def is_erased(session: Session, user_id: str) -> bool:
    found = await session.get(PersonKey, user_id)
    return found is not None and found.key is None
