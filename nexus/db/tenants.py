"""Organisations and workspaces as the ORM sees them; the kernel's first migration makes their tables.

Belongs here: the two tables that every tenant stands on. Does not belong here: what else is known of an organisation
(api/organisations).
"""

from __future__ import annotations

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from nexus.db.models import Base, Timestamps, Versioned


class Organisation(Timestamps, Versioned, Base):
    """A customer of Nexus."""

    __tablename__ = "organisation"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]


class Workspace(Timestamps, Versioned, Base):
    """What the lake and every mart call `workspace_id`; `id` is its slug, and no two organisations have the same."""

    __tablename__ = "workspace"

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("app.organisation.id"), index=True)
    name: Mapped[str]
