"""What second factors hold of a person."""

from __future__ import annotations

from api.mfa.models import Challenge, Passkey, RecoveryCode, Totp
from nexus.personal.register import Holding

HOLDINGS = (
    Holding(Totp, lambda person: Totp.user_id == person.id, ("id", "confirmed_at", "created_at")),
    Holding(RecoveryCode, lambda person: RecoveryCode.user_id == person.id, ("id", "used_at")),
    Holding(
        Passkey,
        lambda person: Passkey.user_id == person.id,
        ("id", "name", "created_at", "last_used_at"),
        personal=("name",),
    ),
    Holding(Challenge, lambda person: Challenge.user_id == person.id, ("expires_at",)),
)
