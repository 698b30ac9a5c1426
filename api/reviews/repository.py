"""Statements about uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert

from api.privacy.models import Erasure
from api.reviews.models import Use
from nexus.db import Session

#: Organisation, subject, permission, scope.
Key = tuple[str, str, str, str]
#: Days that are kept: a quarter and a little.
KEPT = 100
_AGO = text(f"current_date - {KEPT}")


@dataclass(frozen=True, slots=True)
class Used:
    """A permission that a subject has used in one place, since some day."""

    subject_id: str
    permission: str
    scope: str
    uses: int
    last_at: datetime


async def add(session: Session, counted: Counter[Key]) -> None:
    """Adds to what is kept of today, and removes what is of long ago. Of who has been erased nothing is kept."""
    erased = set(await session.scalars(select(Erasure.user_id).where(Erasure.user_id.in_({k[1] for k in counted}))))
    # in one order: processes that keep the same at once wait for each other, and do not lock each other out
    rows = [
        {"organisation_id": o, "subject_id": s, "permission": p, "scope": where, "uses": counted[o, s, p, where],
         "day": func.current_date(), "last_at": func.now()}
        for o, s, p, where in sorted(counted) if s not in erased
    ]  # fmt: skip
    if rows:
        made = insert(Use).values(rows)
        sums = {"uses": Use.uses + made.excluded.uses, "last_at": made.excluded.last_at}
        await session.execute(made.on_conflict_do_update(constraint="pk_reviews_use", set_=sums))
    await session.execute(delete(Use).where(Use.day < _AGO))


async def used(session: Session, days: int, subjects: Sequence[str] | None = None) -> list[Used]:
    """What was used in the organisation in the last `days`, by these subjects (everybody)."""
    asked = (
        select(Use.subject_id, Use.permission, Use.scope, func.sum(Use.uses), func.max(Use.last_at))
        .where(Use.day > text(f"current_date - {int(days)}"), *([Use.subject_id.in_(subjects)] if subjects is not None else []))
        .group_by(Use.subject_id, Use.permission, Use.scope)
        .order_by(Use.subject_id, Use.permission, Use.scope)
    )  # fmt: skip
    return [Used(row[0], row[1], row[2], int(row[3]), row[4]) for row in await session.execute(asked)]


def by_subject(found: Sequence[Used]) -> Mapping[str, list[Used]]:
    made: dict[str, list[Used]] = {}
    for one in found:
        made.setdefault(one.subject_id, []).append(one)
    return made
