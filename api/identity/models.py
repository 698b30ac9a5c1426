"""Tables of identity, as the ORM sees them; `migrations/` makes them, and a test holds both equal.

Of a secret (session, device, reset link) only the SHA-256 is kept: it has 256 random bits, so there is nothing to guess.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint, false, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from nexus.db import Base, Timestamps, Versioned


class User(Timestamps, Versioned, Base):
    """One person. `email_key` is the address as it is compared; `password_hash` is empty for who signs in otherwise."""

    __tablename__ = "identity_user"
    __table_args__ = (UniqueConstraint("email_key"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str]
    email_key: Mapped[str]
    email_verified_at: Mapped[datetime | None]
    name: Mapped[str]
    password_hash: Mapped[str | None]
    password_changed_at: Mapped[datetime | None]
    must_change_password: Mapped[bool]
    deactivated_at: Mapped[datetime | None]


class Device(Base):
    """A browser in which this user has signed in before; it has throttles of its own."""

    __tablename__ = "identity_device"
    __table_args__ = (UniqueConstraint("token_hash"), Index(None, "user_id"))

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"))
    token_hash: Mapped[bytes]
    user_agent: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_used_at: Mapped[datetime] = mapped_column(server_default=func.now())
    #: until when it stands for a second factor; empty if it never does
    trusted_until: Mapped[datetime | None]


class SessionRow(Base):
    """A browser that is signed in, or (`awaits_factor`) has shown the first of two factors."""

    __tablename__ = "identity_session"
    __table_args__ = (UniqueConstraint("token_hash"), Index(None, "user_id", "created_at"))

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"))
    device_id: Mapped[str | None] = mapped_column(ForeignKey(Device.id, ondelete="SET NULL"))
    token_hash: Mapped[bytes]
    methods: Mapped[list[str]] = mapped_column(ARRAY(Text))
    #: the organisation through whose provider its user signed in
    realm: Mapped[str | None]
    awaits_factor: Mapped[bool]
    address: Mapped[str]
    user_agent: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    authenticated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_because: Mapped[str | None]


class Reset(Base):
    """A link that sets a new password, once. One that was asked for an unknown address has no user, and works nowhere."""

    __tablename__ = "identity_reset"
    __table_args__ = (UniqueConstraint("token_hash"), Index(None, "user_id"))

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str | None] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"))
    token_hash: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Throttle(Base):
    """One bucket of failed attempts. `key` is a hash; `drained_at` is when the bucket will be empty again."""

    __tablename__ = "identity_throttle"
    __table_args__ = (Index(None, "drained_at"),)

    key: Mapped[bytes] = mapped_column(primary_key=True)
    drained_at: Mapped[datetime]
    #: whether the log says already that it is full
    is_refusal_told: Mapped[bool] = mapped_column(server_default=false())
