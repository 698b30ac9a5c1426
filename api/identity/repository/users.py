"""Statements about people."""

from __future__ import annotations

from sqlalchemy import select

from api.identity.models import User
from nexus.db import Session
from nexus.errors import NotFoundError


async def find(session: Session, user_id: str) -> User | None:
    return await session.get(User, user_id)


async def get(session: Session, user_id: str) -> User:
    """The user, kept from being changed by others until the transaction ends. Raises NotFoundError."""
    found = await session.get(User, user_id, with_for_update=True)
    if found is None:
        raise NotFoundError(f"there is no user {user_id}")
    return found


async def by_key(session: Session, email_key: str) -> User | None:
    return (await session.scalars(select(User).where(User.email_key == email_key))).one_or_none()


async def everyone(session: Session) -> list[User]:
    """By address."""
    return list(await session.scalars(select(User).order_by(User.email_key)))
