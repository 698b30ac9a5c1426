"""The table of uses, as the ORM sees it; `migrations/` makes it, and a test holds both equal."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from nexus.db import Base


class Use(Base):
    """How often somebody has used a permission in one place on one day. `subject_id` is a user, a service account or an
    application; `scope` a workspace, or `*` for what is the organisation's."""

    __tablename__ = "reviews_use"
    __table_args__ = (Index(None, "day"), Index(None, "subject_id"))

    organisation_id: Mapped[str] = mapped_column(primary_key=True)
    subject_id: Mapped[str] = mapped_column(primary_key=True)
    permission: Mapped[str] = mapped_column(primary_key=True)
    scope: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    uses: Mapped[int] = mapped_column(BigInteger)
    last_at: Mapped[datetime]
