"""What is kept of an erasure itself: that it was asked for and done, of whom by id alone. And answers kept for a day, which are no slice's."""

from __future__ import annotations

from sqlalchemy import ColumnElement, func

from api.privacy.models import Erasure, PersonKey
from nexus.db.answers import KeptAnswer
from nexus.personal.register import Holding, Subject


def _answered(person: Subject) -> ColumnElement[bool]:
    """Their own answers, and those to others that name them."""
    named = func.pg_catalog.position(KeptAnswer.body, person.id.encode()) > 0
    return func.starts_with(KeptAnswer.key, f"{person.id}/") | named


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
    Holding(KeptAnswer, _answered, ("organisation_id", "workspace_id", "route", "status", "created_at")),
)
