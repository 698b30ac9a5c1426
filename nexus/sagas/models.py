"""Tables of sagas, as the ORM sees them; kernel_0006 makes them, and a test holds both equal."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from nexus.db import Base, Timestamps, Versioned

_SAGA = "app.saga.id"


class SagaRow(Timestamps, Versioned, Base):
    """A saga of a workspace, or (without one) of an organisation."""

    __tablename__ = "saga"
    __table_args__ = (Index(None, "organisation_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str]
    workspace_id: Mapped[str | None]
    name: Mapped[str]
    state: Mapped[str]
    is_back: Mapped[bool]
    arguments: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_by: Mapped[str]
    job_id: Mapped[str]
    attempt_id: Mapped[str | None]
    is_cancel_requested: Mapped[bool] = mapped_column(default=False)
    trace_id: Mapped[str | None]
    mended_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class StepRow(Base):
    __tablename__ = "saga_step"

    saga_id: Mapped[str] = mapped_column(ForeignKey(_SAGA, ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    organisation_id: Mapped[str]
    workspace_id: Mapped[str | None]
    name: Mapped[str]
    state: Mapped[str]
    result: Mapped[Any | None] = mapped_column(JSONB(none_as_null=True))


class AttemptRow(Base):
    """One call of an action or a compensation; without `finished_at` it goes on, or its worker died."""

    __tablename__ = "saga_attempt"
    __table_args__ = (Index(None, "saga_id", "started_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    saga_id: Mapped[str] = mapped_column(ForeignKey(_SAGA, ondelete="CASCADE"))
    position: Mapped[int]
    organisation_id: Mapped[str]
    workspace_id: Mapped[str | None]
    is_compensation: Mapped[bool]
    number: Mapped[int]
    trace_id: Mapped[str | None]
    started_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    finished_at: Mapped[datetime | None]
    error: Mapped[str | None]
