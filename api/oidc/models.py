"""Tables of the provider, as the ORM sees them; `migrations/` makes them, and a test holds both equal.

Of codes, refresh tokens and secrets only the SHA-256 is kept: they have 256 random bits, so there is nothing to guess.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from nexus.db import Base, Timestamps, Versioned


class Client(Timestamps, Versioned, Base):
    """An application that an organisation has registered. Its fields are those of OpenID Connect Registration.

    `is_trusted`: its users are not asked, because the organisation runs it itself. `permissions` is what it may do in its
    own name (`client_credentials`), as `Principal.grants`.
    """

    __tablename__ = "oidc_client"
    __table_args__ = (Index(None, "organisation_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str]
    name: Mapped[str]
    secret_hash: Mapped[bytes | None]
    token_endpoint_auth_method: Mapped[str]
    redirect_uris: Mapped[list[str]] = mapped_column(ARRAY(Text))
    post_logout_redirect_uris: Mapped[list[str]] = mapped_column(ARRAY(Text))
    grant_types: Mapped[list[str]] = mapped_column(ARRAY(Text))
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    id_token_signed_response_alg: Mapped[str]
    backchannel_logout_uri: Mapped[str | None]
    is_trusted: Mapped[bool]
    permissions: Mapped[dict[str, Any]] = mapped_column(JSONB)
    access_token_seconds: Mapped[int]


class Consent(Base):
    """What a user has agreed that an application gets, so that they are not asked again."""

    __tablename__ = "oidc_consent"
    __table_args__ = (Index(None, "client_id"),)

    user_id: Mapped[str] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey(Client.id, ondelete="CASCADE"), primary_key=True)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class Grant(Base):
    """One authorisation: of an application by a user, or (`user_id` empty) of an application in its own name.

    Every token of it dies with it. `is_offline`: it outlives the browser session in which it was given.
    """

    __tablename__ = "oidc_grant"
    __table_args__ = (
        Index(None, "organisation_id"),
        Index(None, "client_id"),
        Index(None, "user_id"),
        Index(None, "session_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey(Client.id, ondelete="CASCADE"))
    organisation_id: Mapped[str]
    user_id: Mapped[str | None]
    session_id: Mapped[str | None]
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    nonce: Mapped[str | None]
    authenticated_at: Mapped[datetime | None]
    methods: Mapped[list[str]] = mapped_column(ARRAY(Text))
    is_offline: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    revoked_at: Mapped[datetime | None]
    revoked_because: Mapped[str | None]


class Code(Base):
    """An authorisation code: works once, for the application that asked, at the address it was sent to."""

    __tablename__ = "oidc_code"
    __table_args__ = (Index(None, "expires_at"), Index(None, "grant_id"))

    code_hash: Mapped[bytes] = mapped_column(primary_key=True)
    grant_id: Mapped[str] = mapped_column(ForeignKey(Grant.id, ondelete="CASCADE"))
    redirect_uri: Mapped[str]
    code_challenge: Mapped[str]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class RefreshToken(Base):
    """A refresh token: works once, and gives the next. The family is the grant."""

    __tablename__ = "oidc_refresh_token"
    __table_args__ = (Index(None, "expires_at"), Index(None, "grant_id"))

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    grant_id: Mapped[str] = mapped_column(ForeignKey(Grant.id, ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class DeviceCode(Base):
    """A device that waits for somebody to type `user_code`. `decision` is empty until then, later `allowed` or `denied`."""

    __tablename__ = "oidc_device_code"
    __table_args__ = (Index(None, "user_code", unique=True), Index(None, "expires_at"), Index(None, "client_id"))

    code_hash: Mapped[bytes] = mapped_column(primary_key=True)
    user_code: Mapped[str]
    client_id: Mapped[str] = mapped_column(ForeignKey(Client.id, ondelete="CASCADE"))
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    expires_at: Mapped[datetime]
    #: seconds that the device must wait between two questions; grows with impatience
    interval: Mapped[int]
    polled_at: Mapped[datetime | None]
    decision: Mapped[str | None]
    grant_id: Mapped[str | None] = mapped_column(ForeignKey(Grant.id, ondelete="CASCADE"), index=True)
    used_at: Mapped[datetime | None]


class SigningKey(Base):
    """A key pair. The private half is sealed under the key of the home (nexus/sealing.py)."""

    __tablename__ = "oidc_signing_key"

    id: Mapped[str] = mapped_column(primary_key=True)
    algorithm: Mapped[str]
    public: Mapped[dict[str, Any]] = mapped_column(JSONB)
    sealed: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    #: published from the start, signs from `signs_from`, no longer after `signs_until`
    signs_from: Mapped[datetime]
    signs_until: Mapped[datetime]
