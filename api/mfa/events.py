"""What happens to second factors, as readers of the event log learn of it. Of a secret, nothing."""

from __future__ import annotations

from nexus.events import Event


class FactorAdded(Event, type="mfa.factor.added"):
    """`kind`: `totp` or `passkey`."""

    factor_id: str
    user_id: str
    kind: str


class FactorRemoved(Event, type="mfa.factor.removed"):
    factor_id: str
    user_id: str
    kind: str


class RecoveryCodesMade(Event, type="mfa.user.recovery_codes_made"):
    """Those of before work no more."""

    user_id: str


class RecoveryCodeUsed(Event, type="mfa.recovery_code.used"):
    recovery_code_id: str
    user_id: str
    left: int
