"""Statements about links that set a password."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, func, select, update

from api.identity.models import Reset, User
from nexus.db import Session


async def usable(session: Session, token_hash: bytes) -> tuple[Reset, User] | None:
    """The link with that token and its user, if it can still be used; nobody else uses it before the transaction ends."""
    statement = (
        select(Reset, User)
        .join(User, User.id == Reset.user_id)
        .where(
            Reset.token_hash == token_hash,
            Reset.used_at.is_(None),
            Reset.expires_at > func.now(),
            User.deactivated_at.is_(None),
        )
        .with_for_update()
    )
    found = (await session.execute(statement)).one_or_none()
    return (found[0], found[1]) if found else None


async def use_up(session: Session, user_id: str) -> None:
    """No link of the user's works any more."""
    statement = update(Reset).where(Reset.user_id == user_id, Reset.used_at.is_(None)).values(used_at=func.now())
    await session.execute(statement)


async def forget(session: Session, before: timedelta) -> None:
    """Removes links that ran out longer ago than `before`."""
    await session.execute(delete(Reset).where(Reset.expires_at < func.now() - before))
