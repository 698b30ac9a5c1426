"""The audit log, as the ORM reads it; only `app.append_audit` writes it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from nexus.db import Base


class Entry(Base):
    """One act. `body` is its canonical JSON, over which `hash` is made with `number` and the hash before; the other columns
    repeat what is in the body, for searching."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        Index(None, "organisation_id", "occurred_at"),
        Index(None, "organisation_id", "actor_id"),
    )

    organisation_id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    id: Mapped[str]
    occurred_at: Mapped[datetime]
    actor_id: Mapped[str]
    action: Mapped[str]
    body: Mapped[str]
    previous_hash: Mapped[bytes]
    hash: Mapped[bytes]
