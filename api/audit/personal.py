"""What the audit log holds of a person: what they did, by id; where they did it is sealed under their key."""

from __future__ import annotations

from api.audit.models import Entry
from nexus.personal.register import Holding

HOLDINGS = (
    Holding(
        Entry,
        lambda person: Entry.actor_id == person.id,
        ("organisation_id", "number", "occurred_at", "action"),
        kept="the log is for ever; addresses in it open no more once the person's key is gone",
    ),
)
