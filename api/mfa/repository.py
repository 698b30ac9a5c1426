"""All SQL of second factors. Every transaction is one of `nexus_system`: no other role sees these tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, func, select, update

from api.identity.models import Device, SessionRow
from api.mfa.models import Challenge, Passkey, RecoveryCode, Totp
from nexus.db import Session


async def totp(session: Session, user_id: str) -> Totp | None:
    """The user's app, kept from being used twice at once."""
    return (await session.scalars(select(Totp).where(Totp.user_id == user_id).with_for_update())).one_or_none()


async def passkeys(session: Session, user_id: str) -> Sequence[Passkey]:
    return (await session.scalars(select(Passkey).where(Passkey.user_id == user_id).order_by(Passkey.id))).all()


async def passkey(session: Session, credential_id: bytes) -> Passkey | None:
    statement = select(Passkey).where(Passkey.credential_id == credential_id).with_for_update()
    return (await session.scalars(statement)).one_or_none()


async def has_factor(session: Session, user_id: str) -> bool:
    """Whether the user has an app that counts, or a passkey."""
    app = select(Totp.id).where(Totp.user_id == user_id, Totp.confirmed_at.is_not(None))
    found = await session.scalar(app.union_all(select(Passkey.id).where(Passkey.user_id == user_id)).limit(1))
    return found is not None


async def is_trusted(session: Session, device_id: str | None) -> bool:
    statement = select(Device.id).where(Device.id == device_id, Device.trusted_until > func.now())
    return device_id is not None and await session.scalar(statement) is not None


async def trust(session: Session, session_id: str, lasts: timedelta) -> None:
    """The device of that session stands for a second factor from now on."""
    of_session = select(SessionRow.device_id).where(SessionRow.id == session_id).scalar_subquery()
    await session.execute(update(Device).where(Device.id == of_session).values(trusted_until=func.now() + lasts))


async def replace_codes(session: Session, user_id: str, made: Sequence[RecoveryCode]) -> None:
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    session.add_all(made)


async def codes_left(session: Session, user_id: str) -> int:
    statement = select(func.count()).where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    return int(await session.scalar(statement) or 0)


async def use_code(session: Session, user_id: str, code_hash: str) -> str | None:
    """Uses up the user's recovery code with that hash; its id, or None if there is none that is unused."""
    statement = (
        update(RecoveryCode)
        .where(RecoveryCode.user_id == user_id, RecoveryCode.code_hash == code_hash, RecoveryCode.used_at.is_(None))
        .values(used_at=func.now())
        .returning(RecoveryCode.id)
    )
    return (await session.scalars(statement)).one_or_none()


async def remove(session: Session, row: Totp | Passkey) -> None:
    await session.delete(row)
    await session.flush()


async def add_challenge(session: Session, hash: bytes, user_id: str | None, lasts: timedelta) -> None:
    """Keeps it, and removes those that have run out."""
    await session.execute(delete(Challenge).where(Challenge.expires_at < func.now()))
    now = await session.scalar(select(func.now()))
    session.add(Challenge(hash=hash, user_id=user_id, expires_at=now + lasts))  # type: ignore[operator]


async def take_challenge(session: Session, hash: bytes) -> tuple[bool, str | None]:
    """Whether it was one that nobody has used yet, and who had asked for it. It is used up."""
    statement = (
        delete(Challenge).where(Challenge.hash == hash).returning(Challenge.expires_at > func.now(), Challenge.user_id)
    )
    found = (await session.execute(statement)).one_or_none()
    return (bool(found[0]), found[1]) if found else (False, None)
