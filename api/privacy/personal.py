"""What is kept of an erasure itself: that it was asked for and done, of whom by id alone."""

from __future__ import annotations

from api.privacy.models import Erasure, PersonKey
from nexus.personal.register import Holding

HOLDINGS = (
    Holding(
        Erasure,
        lambda person: Erasure.user_id == person.id,
        ("id", "asked_by", "reason", "done_at"),
        kept="to show that it was done, and that no key is made anew",
    ),
    Holding(
        PersonKey,
        lambda person: PersonKey.subject == person.id,
        ("created_at", "erased_at"),
        kept="the row stays without its key, so that no key is ever made for the person again",
    ),
)
