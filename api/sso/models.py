"""Tables of single sign-on, as the ORM sees them; `migrations/` makes them, and a test holds both equal."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, false, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from nexus.db import Base, Timestamps, Versioned

_CONNECTION = "app.sso_connection.id"


class Connection(Timestamps, Versioned, Base):
    """One provider of one organisation. `settings` is what its kind needs; `sealed` its secret (OIDC) or our key (SAML)."""

    __tablename__ = "sso_connection"
    __table_args__ = (
        Index("ix_sso_connection_organisation_id", "organisation_id", "created_at", "id"),
        CheckConstraint("kind in ('oidc', 'saml')", name="kind"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("app.organisation.id"))
    kind: Mapped[str]
    name: Mapped[str]
    is_enabled: Mapped[bool]
    domains: Mapped[list[str]] = mapped_column(ARRAY(Text))
    settings: Mapped[dict[str, Any]] = mapped_column(JSONB)
    sealed: Mapped[bytes | None]
    certificate: Mapped[str | None]
    mapping: Mapped[dict[str, Any]] = mapped_column(JSONB)
    is_mfa_trusted: Mapped[bool]
    is_provisioning: Mapped[bool]
    default_roles: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    group_roles: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)


class Link(Base):
    """Whom a provider calls `subject`."""

    __tablename__ = "sso_link"
    __table_args__ = (UniqueConstraint("connection_id", "subject"), UniqueConstraint("connection_id", "user_id"))

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("app.organisation.id"))
    connection_id: Mapped[str] = mapped_column(ForeignKey(_CONNECTION, ondelete="CASCADE"))
    subject: Mapped[str]
    user_id: Mapped[str] = mapped_column(ForeignKey("app.identity_user.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_used_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Attempt(Base):
    """Somebody whom we have sent to a provider and who is to come back in the same browser. `claims`: what it has said.
    `needs_factor`: they show a second factor here unless the provider vouches for one."""

    __tablename__ = "sso_attempt"
    __table_args__ = (Index(None, "expires_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    connection_id: Mapped[str] = mapped_column(ForeignKey(_CONNECTION, ondelete="CASCADE"))
    browser_hash: Mapped[bytes]
    request_id: Mapped[str | None]
    way_on: Mapped[str]
    is_fresh: Mapped[bool]
    needs_factor: Mapped[bool] = mapped_column(server_default=false())
    claims: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Assertion(Base):
    """An assertion of SAML that has been taken, until it could not be taken any more. `hash` is of its id."""

    __tablename__ = "sso_assertion"
    __table_args__ = (Index(None, "expires_at"),)

    connection_id: Mapped[str] = mapped_column(ForeignKey(_CONNECTION, ondelete="CASCADE"), primary_key=True)
    hash: Mapped[bytes] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime]
