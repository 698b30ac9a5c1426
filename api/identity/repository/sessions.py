"""Statements about signed-in browsers and the devices that they run on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, update

from api.identity.models import Device, SessionRow, User
from nexus.db import Session


async def by_token(session: Session, token_hash: bytes) -> tuple[SessionRow, User, datetime] | None:
    """The session with that token, its user, and the time of the database."""
    statement = select(SessionRow, User, func.now()).join(User, User.id == SessionRow.user_id)
    found = (await session.execute(statement.where(SessionRow.token_hash == token_hash))).one_or_none()
    return (found[0], found[1], found[2]) if found else None


async def touch(session: Session, session_id: str) -> None:
    await session.execute(update(SessionRow).where(SessionRow.id == session_id).values(last_seen_at=func.now()))


async def live(session: Session, user_id: str, idle: timedelta) -> Sequence[SessionRow]:
    """Sessions of the user that can still be used, the oldest first."""
    statement = select(SessionRow).where(
        SessionRow.user_id == user_id,
        SessionRow.ended_at.is_(None),
        SessionRow.expires_at > func.now(),
        SessionRow.last_seen_at > func.now() - idle,
    )
    return (await session.scalars(statement.order_by(SessionRow.created_at, SessionRow.id))).all()


async def end(session: Session, user_id: str, because: str, *conditions: Any) -> list[str]:
    """Ends sessions of the user that are not ended yet; returns their ids."""
    statement = (
        update(SessionRow)
        .where(SessionRow.user_id == user_id, SessionRow.ended_at.is_(None), *conditions)
        .values(ended_at=func.now(), ended_because=because)
        .returning(SessionRow.id)
        .execution_options(synchronize_session="fetch")
    )
    return sorted((await session.scalars(statement)).all())


async def renew(session: Session, session_id: str, token_hash: bytes) -> None:
    """Another secret, after a fresh proof."""
    values = {"token_hash": token_hash, "authenticated_at": func.now(), "last_seen_at": func.now()}
    await session.execute(update(SessionRow).where(SessionRow.id == session_id).values(values))


async def forget(session: Session, user_id: str, before: timedelta) -> None:
    """Removes sessions of the user that ran out longer ago than `before`."""
    old = (SessionRow.user_id == user_id, SessionRow.expires_at < func.now() - before)
    await session.execute(delete(SessionRow).where(*old))


async def device(session: Session, token_hash: bytes) -> Device | None:
    return (await session.scalars(select(Device).where(Device.token_hash == token_hash))).one_or_none()


async def now(session: Session) -> datetime:
    found = await session.scalar(select(func.now()))
    assert isinstance(found, datetime)
    return found


async def touch_device(session: Session, device_id: str) -> None:
    await session.execute(update(Device).where(Device.id == device_id).values(last_used_at=func.now()))


async def forget_devices(session: Session, user_id: str, unused: timedelta) -> None:
    """Removes devices of the user that were not used for so long."""
    await session.execute(delete(Device).where(Device.user_id == user_id, Device.last_used_at < func.now() - unused))


async def distrust(session: Session, user_id: str, *, of: str | None = None, but_of: str | None = None) -> None:
    """No device of the user stands for a second factor any more; that of the session `of` alone, or all but that of `but_of`."""
    which = [Device.user_id == user_id]
    for session_id, is_it in ((of, True), (but_of, False)):
        if session_id is not None:
            device = select(SessionRow.device_id).where(SessionRow.id == session_id).scalar_subquery()
            which.append(Device.id.is_not_distinct_from(device) if is_it else Device.id.is_distinct_from(device))
    await session.execute(update(Device).where(*which).values(trusted_until=None))
