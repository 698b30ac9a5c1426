"""Answers kept under an Idempotency-Key, as the ORM sees them; the kernel's migrations make their table.

Belongs here: the table, for whoever erases or shows what is in it. Does not belong here: claiming a key and keeping an answer,
which are functions of the database (at_once.py, api/kernel/idempotency.py).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from nexus.db.models import Base


class KeptAnswer(Base):
    """What a request under an Idempotency-Key was answered (api/kernel/idempotency.py). `key`: `<subject>/<key>`."""

    __tablename__ = "idempotency_key"
    __table_args__ = (Index(None, "created_at"),)

    organisation_id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str] = mapped_column(primary_key=True)
    route: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    status: Mapped[int]
    headers: Mapped[dict[str, Any]] = mapped_column(JSONB)
    body: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
