"""Tables of second factors, as the ORM sees them; `migrations/` makes them, and a test holds both equal."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from api.identity.models import User
from nexus.db import Base


def _owner() -> Mapped[str]:
    return mapped_column(ForeignKey(User.id, ondelete="CASCADE"))


class Totp(Base):
    """An app that makes codes. It counts once its owner has shown one; `last_step` is of the newest code that was taken."""

    __tablename__ = "mfa_totp"
    __table_args__ = (UniqueConstraint("user_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = _owner()
    sealed_secret: Mapped[bytes]
    confirmed_at: Mapped[datetime | None]
    last_step: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class RecoveryCode(Base):
    """A code for when everything else is lost. `code_hash` is an authentication code under the home's key."""

    __tablename__ = "mfa_recovery_code"
    __table_args__ = (Index(None, "user_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = _owner()
    code_hash: Mapped[str]
    used_at: Mapped[datetime | None]


class Passkey(Base):
    """A WebAuthn credential: the public half of a key that never leaves its owner's device."""

    __tablename__ = "mfa_passkey"
    __table_args__ = (UniqueConstraint("credential_id"), Index(None, "user_id"))

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = _owner()
    credential_id: Mapped[bytes]
    public_key: Mapped[bytes]
    sign_count: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_used_at: Mapped[datetime | None]


class Challenge(Base):
    """What an authenticator must sign, once. `user_id` is who asked; empty where nobody is known yet."""

    __tablename__ = "mfa_challenge"
    __table_args__ = (Index(None, "expires_at"),)

    hash: Mapped[bytes] = mapped_column(primary_key=True)
    user_id: Mapped[str | None] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"))
    expires_at: Mapped[datetime]
