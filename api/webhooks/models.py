"""Tables of webhooks, as the ORM sees them; `migrations/` makes them, and a test holds both equal.

Belongs here: endpoints, their secrets, one row for each event that an endpoint is to have, one for each attempt.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from nexus.db import Base, Timestamps, Versioned

STATES = ("pending", "delivered", "failed")
REASONS = ("asked", "failing", "gone")


def _of(endpoint: str) -> ForeignKey:
    return ForeignKey(f"app.webhooks_{endpoint}.id", ondelete="CASCADE")


class Endpoint(Timestamps, Versioned, Base):
    """Where an organisation wants to be told, of what.

    `event_types` may end in `*`; empty `workspaces`: the organisation and all of them. `failing_since` is the first of the
    failures since the last success, `failures` their number. `claimed_at` is when something was last sent: whose turn it is.
    What the worker writes does not change `version`, unless it switches the endpoint off.
    """

    __tablename__ = "webhooks_endpoint"
    __table_args__ = (
        Index(None, "organisation_id", "created_at", "id"),
        CheckConstraint("disabled_because in ('asked', 'failing', 'gone')", "disabled_because"),
        CheckConstraint("is_enabled = (disabled_because is null)", "is_enabled"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str]
    url: Mapped[str]
    description: Mapped[str]
    event_types: Mapped[list[str]] = mapped_column(ARRAY(Text))
    workspaces: Mapped[list[str]] = mapped_column(ARRAY(Text))
    is_enabled: Mapped[bool]
    disabled_because: Mapped[str | None]
    disabled_at: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(server_default=text("0"))
    succeeded_at: Mapped[datetime | None]
    claimed_at: Mapped[datetime | None]
    created_by: Mapped[str]


class Secret(Base):
    """One secret of an endpoint, sealed. Every one that has not ended signs: receivers change over in between."""

    __tablename__ = "webhooks_secret"
    __table_args__ = (Index(None, "endpoint_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str]
    endpoint_id: Mapped[str] = mapped_column(_of("endpoint"))
    sealed: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None]


class Delivery(Base):
    """One event for one endpoint.

    `attempts` were made altogether, `step` of them since it was last put at the beginning of the schedule. While it is
    being sent, `lease` says by which claim, and `next_at` until when that holds; a worker that dies lets it come due again.
    """

    __tablename__ = "webhooks_delivery"
    __table_args__ = (
        UniqueConstraint("endpoint_id", "event_id"),
        Index(None, "organisation_id", "created_at", "id"),
        Index(None, "endpoint_id", "created_at", "id"),
        Index(None, "created_at"),
        Index("ix_webhooks_delivery_due", "endpoint_id", "next_at", postgresql_where=text("state = 'pending'")),
        Index(
            "ix_webhooks_delivery_leased", "organisation_id", "endpoint_id", postgresql_where=text("lease is not null")
        ),
        CheckConstraint("state in ('pending', 'delivered', 'failed')", "state"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str]
    endpoint_id: Mapped[str] = mapped_column(_of("endpoint"))
    event_id: Mapped[str]
    event_type: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=text("'pending'"))
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    step: Mapped[int] = mapped_column(server_default=text("0"))
    next_at: Mapped[datetime | None] = mapped_column(server_default=func.now())
    lease: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]


class Attempt(Base):
    """One request and what came of it. `status` is null where nobody answered, and `error` says why."""

    __tablename__ = "webhooks_attempt"
    __table_args__ = (Index(None, "delivery_id", "started_at", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str]
    delivery_id: Mapped[str] = mapped_column(_of("delivery"))
    number: Mapped[int]
    started_at: Mapped[datetime]
    duration_ms: Mapped[int | None]
    status: Mapped[int | None]
    error: Mapped[str | None]
    response: Mapped[str | None]
