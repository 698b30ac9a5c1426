"""Tables of @@title, as the ORM sees them; `migrations/` makes them, and a test holds both equal."""

from __future__ import annotations

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from nexus.db import Base, Timestamps, Versioned


class @@Entity(Timestamps, Versioned, Base):
    """One @@words of a workspace."""

    __tablename__ = "@@{name}_@@entity"
    __table_args__ = (Index(None, "workspace_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str]
    title: Mapped[str]
