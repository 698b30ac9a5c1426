"""What the provider holds of a person: which applications they let in. Codes and tokens go with their grant."""

from __future__ import annotations

from api.oidc.models import Consent, Grant
from nexus.personal.register import Holding

HOLDINGS = (
    Holding(Consent, lambda person: Consent.user_id == person.id, ("client_id", "scopes", "created_at", "updated_at")),
    Holding(
        Grant,
        lambda person: Grant.user_id == person.id,
        ("id", "client_id", "organisation_id", "scopes", "created_at", "revoked_at", "revoked_because"),
    ),
)
