"""Rows of grants, codes, refresh tokens and devices.

Whoever uses a code or token holds its grant's row until the transaction ends: of twenty that come at once one is first.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, delete, exists, func, or_, select, update

from api.identity.models import SessionRow, User
from api.identity.sessions import PASSWORD_CHANGED
from api.oidc.models import Client, Code, Consent, DeviceCode, Grant, RefreshToken
from api.organisations.models import Member
from nexus.db import Session


async def now(session: Session) -> datetime:
    found = await session.scalar(select(func.clock_timestamp()))
    assert isinstance(found, datetime)
    return found


async def client(session: Session, id: str) -> Client | None:
    return await session.get(Client, id)


def alive() -> ColumnElement[bool]:
    """A grant lives while nobody has revoked it, its user is active, a member where it was given, and their session goes on.
    One that outlives its session ends with the password under which it was given.

    That the browser has not been used for long does not end it: its user may be at work in the application.
    """
    user = exists().where(User.id == Grant.user_id, User.deactivated_at.is_(None))
    member = exists().where(
        Member.organisation_id == Grant.organisation_id, Member.user_id == Grant.user_id, Member.status == "active"
    )
    browser = exists().where(
        SessionRow.id == Grant.session_id, SessionRow.ended_at.is_(None), SessionRow.expires_at > func.now()
    )
    return and_(
        Grant.revoked_at.is_(None),
        or_(Grant.user_id.is_(None), and_(user, member)),
        case((Grant.is_offline, ~of_before()), else_=or_(Grant.session_id.is_(None), browser)),
    )


def of_before() -> ColumnElement[bool]:
    """Whether the user has set another password since, or has by that ended the session from which a grant came just then."""
    changed = exists().where(User.id == Grant.user_id, User.password_changed_at >= Grant.created_at)
    thrown_out = exists().where(SessionRow.id == Grant.session_id, SessionRow.ended_because == PASSWORD_CHANGED)
    return or_(changed, thrown_out)


async def living(session: Session, ids: Collection[str]) -> set[str]:
    """Which of these grants live."""
    return set(await session.scalars(select(Grant.id).where(Grant.id.in_(ids), alive())))


async def lives(session: Session, grant: Grant) -> bool:
    return grant.id in await living(session, [grant.id])


async def held(session: Session, id: str) -> Grant | None:
    """The grant, kept from changing until the transaction ends."""
    return await session.get(Grant, id, with_for_update=True, populate_existing=True)


async def code(session: Session, code_hash: bytes) -> Code | None:
    """The code, and its grant held."""
    found: Code | None = await _found(session, Code, code_hash)
    return found


async def refresh_token(session: Session, token_hash: bytes) -> RefreshToken | None:
    """The token, and its grant held."""
    found: RefreshToken | None = await _found(session, RefreshToken, token_hash)
    return found


async def _found(session: Session, table: type[Any], key: bytes) -> Any:
    grant_id = await session.scalar(select(table.grant_id).where(table.__mapper__.primary_key[0] == key))
    if grant_id is None or await held(session, grant_id) is None:
        return None
    # read after the grant is held: whoever held it before may have used it
    return await session.get(table, key, populate_existing=True)


async def device(session: Session, code_hash: bytes) -> DeviceCode | None:
    return await session.get(DeviceCode, code_hash, with_for_update=True)


async def device_awaiting(session: Session, user_code: str) -> DeviceCode | None:
    """The device that waits for this code to be typed."""
    wanted = select(DeviceCode).where(
        DeviceCode.user_code == user_code, DeviceCode.decision.is_(None), DeviceCode.expires_at > func.clock_timestamp()
    )
    found: DeviceCode | None = await session.scalar(wanted.with_for_update())
    return found


async def revoke(session: Session, because: str, *conditions: ColumnElement[bool]) -> list[Grant]:
    """Revokes grants that meet the conditions; returns those that were not revoked before."""
    changed = (
        update(Grant)
        .where(Grant.revoked_at.is_(None), *conditions)
        .values(revoked_at=func.clock_timestamp(), revoked_because=because)
        .returning(Grant)
    )
    return list(await session.scalars(changed, execution_options={"populate_existing": True}))


async def outliving(session: Session, session_id: str) -> list[Grant]:
    """Grants that were given in this browser session and live on without it."""
    given = select(Grant).where(Grant.session_id == session_id, Grant.is_offline, Grant.revoked_at.is_(None))
    return list(await session.scalars(given))


async def consented(session: Session, user_id: str, client_id: str) -> set[str]:
    found = await session.get(Consent, (user_id, client_id))
    return set(found.scopes) if found else set()


async def consent(session: Session, user_id: str, client_id: str, scopes: Collection[str]) -> None:
    """Adds to what the user has agreed to."""
    found = await session.get(Consent, (user_id, client_id), with_for_update=True)
    if found is None:
        session.add(Consent(user_id=user_id, client_id=client_id, scopes=sorted(scopes)))
    else:
        found.scopes = sorted({*found.scopes, *scopes})


async def forget_expired(session: Session) -> None:
    """Removes what has run out, and grants of which nothing is left."""
    long_ago = func.clock_timestamp() - func.make_interval(0, 0, 0, 1)
    await session.execute(delete(DeviceCode).where(DeviceCode.expires_at < long_ago))
    await session.execute(delete(RefreshToken).where(RefreshToken.expires_at < long_ago))
    nothing_left = and_(
        Grant.created_at < long_ago,
        ~exists().where(RefreshToken.grant_id == Grant.id),
        ~exists().where(Code.grant_id == Grant.id, Code.expires_at >= long_ago),
    )
    await session.execute(delete(Grant).where(nothing_left))
