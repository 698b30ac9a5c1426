"""What a directory says of people and groups, beside the rows of `api/organisations`; `migrations/` makes the tables.

A SCIM User is a member (`mem_…`), a SCIM Group a group (`grp_…`) of the organisation. One that was not provisioned has no
row here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from nexus.db import Base, Timestamps, Versioned

_MEMBER, _GROUP = "app.organisations_member.id", "app.organisations_group.id"


class ScimUser(Timestamps, Versioned, Base):
    """A member as the directory describes them. `user_name_key` is the name as it is compared; `suspended_at`: since when
    the directory has them inactive (an administrator's own suspension is not in here)."""

    __tablename__ = "scim_user"
    __table_args__ = (
        UniqueConstraint("organisation_id", "user_name_key"),
        Index(None, "organisation_id", "external_id"),
    )

    member_id: Mapped[str] = mapped_column(ForeignKey(_MEMBER, ondelete="CASCADE"), primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("app.organisation.id"))
    user_name: Mapped[str]
    user_name_key: Mapped[str]
    external_id: Mapped[str | None]
    attributes: Mapped[dict[str, Any]] = mapped_column(JSONB)
    suspended_at: Mapped[datetime | None]


class ScimGroup(Timestamps, Versioned, Base):
    """What the directory calls a group in its own books."""

    __tablename__ = "scim_group"
    __table_args__ = (Index(None, "organisation_id", "external_id"),)

    group_id: Mapped[str] = mapped_column(ForeignKey(_GROUP, ondelete="CASCADE"), primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("app.organisation.id"))
    external_id: Mapped[str | None]


class ScimAccount(Timestamps, Versioned, Base):
    """An account that this organisation's directory made; it outlives the membership. `deactivated_at`: the directory
    ended it, so the directory may let it live again."""

    __tablename__ = "scim_account"

    user_id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("app.organisation.id"))
    deactivated_at: Mapped[datetime | None]
