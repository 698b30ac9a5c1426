"""Rows of signing keys."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, func, select, text, update

from api.oidc.models import SigningKey
from nexus.db import Session

_LOCK = text("select pg_advisory_xact_lock(7305)")


async def now(session: Session) -> datetime:
    """The database's clock: every machine that shares it agrees about which key signs."""
    found = await session.scalar(select(func.clock_timestamp()))
    assert isinstance(found, datetime)
    return found


async def lock(session: Session) -> datetime:
    """Keeps others from making keys until the transaction ends."""
    await session.execute(_LOCK)
    return await now(session)


async def published(session: Session, since: datetime) -> list[SigningKey]:
    """Keys that sign, will sign, or have signed `since` then; oldest first."""
    wanted = select(SigningKey).where(SigningKey.signs_until > since).order_by(SigningKey.signs_from, SigningKey.id)
    return list(await session.scalars(wanted))


async def stop_signing(session: Session, at: datetime) -> None:
    await session.execute(update(SigningKey).where(SigningKey.signs_until > at).values(signs_until=at))


async def forget(session: Session, before: datetime) -> None:
    await session.execute(delete(SigningKey).where(SigningKey.signs_until <= before))
