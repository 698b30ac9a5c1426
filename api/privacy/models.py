"""Keys of persons and erasures, as the ORM sees them; `migrations/` makes the tables. Keys are read by nexus/personal."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from nexus.db import Base


class PersonKey(Base):
    """The key under which append-only tables keep what is personal of `subject`; empty once they have been erased."""

    __tablename__ = "privacy_key"

    subject: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[bytes | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    erased_at: Mapped[datetime | None]


class Erasure(Base):
    """That a person has been erased: who asked, why, when, and how many rows of which table it was.

    `reason` is plain: the key under which to seal it goes with the person, and nobody could say any more why they went.
    """

    __tablename__ = "privacy_erasure"
    __table_args__ = (Index(None, "user_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str]
    asked_by: Mapped[str]
    reason: Mapped[str]
    done_at: Mapped[datetime] = mapped_column(server_default=func.now())
    rows: Mapped[dict[str, Any]] = mapped_column(JSONB)
