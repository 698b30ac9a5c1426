"""Tables of organisations, as the ORM sees them; `migrations/` makes them, and a test holds both equal.

A scope is the slug of a workspace, or `*`: the organisation and all its workspaces. A role is the name of a built-in one
(roles.py) or the id of a custom one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, declared_attr, mapped_column
from sqlalchemy.types import Text

from nexus.db import Base, Timestamps, Versioned

_MEMBER, _GROUP = "app.organisations_member.id", "app.organisations_group.id"
_ACCOUNT = "app.organisations_service_account.id"


class _Owned(Timestamps, Versioned):
    @declared_attr
    def organisation_id(cls) -> Mapped[str]:
        return mapped_column(ForeignKey("app.organisation.id"))


class _Shuttable(_Owned):
    """What the closing of the organisation takes away. `is_shut`: it did, and nobody has said anything of it by hand since."""

    is_shut: Mapped[bool] = mapped_column(default=False)


class Policy(_Owned, Base):
    """What an organisation asks of everybody who belongs to it. One row each."""

    __tablename__ = "organisations_policy"
    __table_args__ = ()

    organisation_id: Mapped[str] = mapped_column(ForeignKey("app.organisation.id"), primary_key=True)
    is_sso_required: Mapped[bool] = mapped_column(default=False)
    is_mfa_required: Mapped[bool] = mapped_column(default=False)


class Member(_Shuttable, Base):
    """A person in an organisation. `is_break_glass`: may sign in with a password although SSO is required."""

    __tablename__ = "organisations_member"
    __table_args__ = (
        UniqueConstraint("organisation_id", "user_id"),
        Index(None, "user_id"),
        CheckConstraint("status in ('active', 'suspended')", name="status"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str]
    status: Mapped[str] = mapped_column(default="active")
    is_break_glass: Mapped[bool] = mapped_column(default=False)


class Role(_Owned, Base):
    """A custom role: a name for some permissions."""

    __tablename__ = "organisations_role"
    __table_args__ = (UniqueConstraint("organisation_id", "name"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    permissions: Mapped[list[str]] = mapped_column(ARRAY(Text))


class Group(_Owned, Base):
    """Members who have the same roles."""

    __tablename__ = "organisations_group"
    __table_args__ = (UniqueConstraint("organisation_id", "name"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    description: Mapped[str] = mapped_column(default="")


class GroupMember(_Owned, Base):
    __tablename__ = "organisations_group_member"
    __table_args__ = (Index(None, "member_id"),)

    group_id: Mapped[str] = mapped_column(ForeignKey(_GROUP, ondelete="CASCADE"), primary_key=True)
    member_id: Mapped[str] = mapped_column(ForeignKey(_MEMBER, ondelete="CASCADE"), primary_key=True)


class ServiceAccount(_Shuttable, Base):
    """A program of the organisation: it has roles as a member has, and signs in with keys."""

    __tablename__ = "organisations_service_account"
    __table_args__ = (UniqueConstraint("organisation_id", "name"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    disabled_at: Mapped[datetime | None]


class Assignment(_Owned, Base):
    """A role, where it counts, for exactly one member, group or service account, under a condition or under none."""

    __tablename__ = "organisations_assignment"
    __table_args__ = (
        Index(None, "organisation_id"),
        Index(None, "group_id"),
        Index(None, "service_account_id"),
        CheckConstraint("num_nonnulls(member_id, group_id, service_account_id) = 1", name="subject"),
        UniqueConstraint(
            "member_id", "group_id", "service_account_id", "role", "scope",
            name="uq_organisations_assignment_subject", postgresql_nulls_not_distinct=True,
        ),
    )  # fmt: skip

    id: Mapped[str] = mapped_column(primary_key=True)
    member_id: Mapped[str | None] = mapped_column(ForeignKey(_MEMBER, ondelete="CASCADE"))
    group_id: Mapped[str | None] = mapped_column(ForeignKey(_GROUP, ondelete="CASCADE"))
    service_account_id: Mapped[str | None] = mapped_column(ForeignKey(_ACCOUNT, ondelete="CASCADE"))
    role: Mapped[str]
    scope: Mapped[str]
    condition: Mapped[str | None]
    created_by: Mapped[str]


class Invitation(_Shuttable, Base):
    """An offer to an address: whoever shows the token and has the address becomes a member with these roles."""

    __tablename__ = "organisations_invitation"
    __table_args__ = (
        Index("ix_organisations_invitation_organisation_id", "organisation_id", "created_at", "id"),
        UniqueConstraint("token_hash"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str]
    #: the form in which addresses are compared
    email_key: Mapped[str]
    token_hash: Mapped[bytes]
    roles: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    invited_by: Mapped[str]
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    accepted_by: Mapped[str | None]
    revoked_at: Mapped[datetime | None]


class Domain(_Owned, Base):
    """A domain that an organisation says is its own; `verified_at` once DNS has shown `proof`."""

    __tablename__ = "organisations_domain"
    __table_args__ = (
        UniqueConstraint("organisation_id", "name"),
        Index(
            "uq_organisations_domain_verified", "name", unique=True, postgresql_where=text("verified_at is not null")
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    proof: Mapped[str]
    verified_at: Mapped[datetime | None]
    checked_at: Mapped[datetime | None]


class ApiKey(_Shuttable, Base):
    """A key of a member or service account. Kept as a hash; `scopes`: scope → permissions that it may use at most."""

    __tablename__ = "organisations_api_key"
    __table_args__ = (
        Index("ix_organisations_api_key_organisation_id", "organisation_id", "created_at", "id"),
        UniqueConstraint("hash"),
        CheckConstraint("num_nonnulls(member_id, service_account_id) = 1", name="subject"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    prefix: Mapped[str]
    hash: Mapped[bytes]
    member_id: Mapped[str | None] = mapped_column(ForeignKey(_MEMBER, ondelete="CASCADE"))
    service_account_id: Mapped[str | None] = mapped_column(ForeignKey(_ACCOUNT, ondelete="CASCADE"))
    scopes: Mapped[dict[str, list[str]]] = mapped_column(JSONB)
    created_by: Mapped[str]
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    rotated_from: Mapped[str | None]


class AccessStamp(Base):
    """What an organisation's members and keys may do has changed where `stamp` has. Triggers write it, nobody else."""

    __tablename__ = "organisations_access"

    organisation_id: Mapped[str] = mapped_column(primary_key=True)
    stamp: Mapped[UUID] = mapped_column(server_default=text("gen_random_uuid()"))
    renewed_by: Mapped[str] = mapped_column(server_default=text("(pg_current_xact_id())::text"))
