"""What identity holds of a person: the account, where they are and were signed in, links that set a password."""

from __future__ import annotations

from api.identity.models import Device, Reset, SessionRow, User
from nexus.personal.register import Holding

HOLDINGS = (
    Holding(
        SessionRow,
        lambda person: SessionRow.user_id == person.id,
        ("id", "methods", "address", "user_agent", "created_at", "last_seen_at", "ended_at", "ended_because"),
        personal=("address", "user_agent"),
    ),
    Holding(
        Device,
        lambda person: Device.user_id == person.id,
        ("id", "user_agent", "created_at", "last_used_at", "trusted_until"),
        personal=("user_agent",),
    ),
    Holding(Reset, lambda person: Reset.user_id == person.id, ("id", "created_at", "expires_at", "used_at")),
    Holding(
        User,
        lambda person: User.id == person.id,
        (
            "id",
            "email",
            "email_verified_at",
            "name",
            "password_changed_at",
            "deactivated_at",
            "created_at",
            "updated_at",
        ),
        personal=("email", "email_key", "name"),
    ),
)
