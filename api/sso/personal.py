"""What single sign-on holds of a person: by which subject of which provider they sign in."""

from __future__ import annotations

from api.sso.models import Link
from nexus.personal.register import Holding

HOLDINGS = (
    Holding(
        Link,
        lambda person: Link.user_id == person.id,
        ("id", "organisation_id", "connection_id", "subject", "created_at", "last_used_at"),
        personal=("subject",),
    ),
)
