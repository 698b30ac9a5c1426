"""All SQL of single sign-on. Connections and links: which there are, row-level security decides; the rest is the system's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert

from api.identity.models import SessionRow
from api.organisations.models import Assignment, Domain, Member
from api.sso.models import Assertion, Attempt, Connection, Link
from nexus.db import Session
from nexus.errors import NotFoundError

_SWEPT = 100


async def get(session: Session, id: str, *, to_change: bool = False) -> Connection:
    """Raises NotFoundError, also for one of another organisation."""
    found = await session.get(Connection, id, with_for_update=to_change or None, populate_existing=to_change)
    if found is None:
        raise NotFoundError("there is no such connection")
    return found


async def enabled(session: Session, id: str) -> Connection | None:
    """The connection, if anybody may sign in by it."""
    found = await session.get(Connection, id)
    return found if found and found.is_enabled else None


async def is_any_enabled(session: Session) -> bool:
    return bool(await session.scalar(select(exists().where(Connection.is_enabled))))


async def serving(session: Session, domain: str) -> Connection | None:
    """The enabled connection of the organisation that has proved the domain, if one is for it. The oldest, if several are."""
    statement = (
        select(Connection)
        .join(Domain, Domain.organisation_id == Connection.organisation_id)
        .where(
            Domain.name == domain,
            Domain.verified_at.is_not(None),
            Connection.is_enabled,
            Connection.domains.contains([domain]),
        )
        .order_by(Connection.id)
        .limit(1)
    )
    found: Connection | None = await session.scalar(statement)
    return found


async def of_organisation(session: Session, organisation: str) -> Connection | None:
    """Its oldest enabled connection."""
    statement = select(Connection).where(Connection.organisation_id == organisation, Connection.is_enabled)
    found: Connection | None = await session.scalar(statement.order_by(Connection.id).limit(1))
    return found


async def proved(session: Session, organisation: str) -> frozenset[str]:
    """Domains that the organisation has proved."""
    wanted = select(Domain.name).where(Domain.organisation_id == organisation, Domain.verified_at.is_not(None))
    return frozenset(await session.scalars(wanted))


async def link(session: Session, connection: str, subject: str) -> Link | None:
    found: Link | None = await session.scalar(
        select(Link).where(Link.connection_id == connection, Link.subject == subject).with_for_update()
    )
    return found


async def unlink(session: Session, connection: str, user_id: str) -> str | None:
    """Forgets whom the provider called by what; the link's id."""
    gone = delete(Link).where(Link.connection_id == connection, Link.user_id == user_id).returning(Link.id)
    return (await session.scalars(gone)).one_or_none()


async def is_linked(session: Session, connection: str, user_id: str) -> bool:
    return bool(await session.scalar(select(exists().where(Link.connection_id == connection, Link.user_id == user_id))))


async def member(session: Session, organisation: str, user_id: str) -> Member | None:
    found: Member | None = await session.scalar(
        select(Member).where(Member.organisation_id == organisation, Member.user_id == user_id).with_for_update()
    )
    return found


async def given_by(session: Session, connection: str, member: Member) -> Sequence[Assignment]:
    """Roles that the member has by signing in through the connection."""
    wanted = select(Assignment).where(Assignment.member_id == member.id, Assignment.created_by == connection)
    return (await session.scalars(wanted.order_by(Assignment.id))).all()


async def begin(session: Session, made: Attempt, lasts: timedelta) -> None:
    """Keeps the attempt, and removes some that have run out."""
    made.expires_at = await now(session) + lasts
    session.add(made)
    old = select(Attempt.id).where(Attempt.expires_at < func.now()).limit(_SWEPT).with_for_update(skip_locked=True)
    await session.execute(delete(Attempt).where(Attempt.id.in_(old)))


async def attempt(session: Session, id: str) -> Attempt | None:
    """The attempt, if it has not run out or been used; nobody else uses it before the transaction ends."""
    found: Attempt | None = await session.scalar(
        select(Attempt)
        .where(Attempt.id == id, Attempt.used_at.is_(None), Attempt.expires_at > func.now())
        .with_for_update()
    )
    return found


async def attempt_by_request(session: Session, connection: str, request_id: str) -> Attempt | None:
    """The attempt that asked the provider under that id and has had no answer."""
    found: Attempt | None = await session.scalar(
        select(Attempt)
        .where(
            Attempt.connection_id == connection,
            Attempt.request_id == request_id,
            Attempt.claims.is_(None),
            Attempt.used_at.is_(None),
            Attempt.expires_at > func.now(),
        )
        .with_for_update()
    )
    return found


async def use_up(session: Session, id: str) -> None:
    await session.execute(update(Attempt).where(Attempt.id == id).values(used_at=func.now()))


async def take(session: Session, connection: str, hash: bytes, until: datetime) -> bool:
    """Whether nobody has taken the assertion before. Two at once wait for each other here, in whatever replicas they are."""
    old = select(Assertion.hash).where(Assertion.expires_at < func.now()).limit(_SWEPT)
    await session.execute(delete(Assertion).where(Assertion.hash.in_(old), Assertion.expires_at < func.now()))
    made = insert(Assertion).values(connection_id=connection, hash=hash, expires_at=until)
    done = await session.execute(made.on_conflict_do_nothing().returning(Assertion.hash))
    return done.scalar() is not None


async def now(session: Session) -> datetime:
    found = await session.scalar(select(func.now()))
    assert isinstance(found, datetime)
    return found


async def signed_in_by(session: Session, organisation: str) -> Sequence[str]:
    """Users who have a session that began by a provider of the organisation."""
    wanted = select(SessionRow.user_id).where(SessionRow.realm == organisation, SessionRow.ended_at.is_(None))
    return (await session.scalars(wanted.distinct().order_by(SessionRow.user_id))).all()
