"""What access reviews hold of a person: which permissions they have used, by the day."""

from __future__ import annotations

from api.reviews.models import Use
from nexus.personal.register import Holding

HOLDINGS = (
    Holding(
        Use,
        lambda person: Use.subject_id == person.id,
        ("organisation_id", "permission", "scope", "day", "uses", "last_at"),
    ),
)
