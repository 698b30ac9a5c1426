"""Statements about buckets of failed attempts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from api.identity.models import Throttle
from api.identity.throttle import Place, taken
from nexus.db import Session

_SWEPT = 20


@dataclass(frozen=True, slots=True)
class Full:
    """There is no room for `wait`. `is_news`: this bucket has refused nobody since it last had room."""

    wait: timedelta
    is_news: bool


async def take(session: Session, places: Sequence[Place]) -> Full | None:
    """Takes one place in every bucket, or none if one of them is full. `places` come in the order of their keys."""
    rows = []
    for place in places:
        # made or found, it is locked: no sweep removes it in between
        statement = insert(Throttle).values(key=place.key, drained_at=func.clock_timestamp(), is_refusal_told=False)
        locked = statement.on_conflict_do_update(index_elements=["key"], set_={"drained_at": Throttle.drained_at})
        found = await session.execute(
            locked.returning(Throttle, func.clock_timestamp()), execution_options={"populate_existing": True}
        )
        row, now = found.one()
        rows.append((row, taken(place.bucket, row.drained_at, now)))
    waits = [(then, row) for row, then in rows if isinstance(then, timedelta)]
    if waits:
        wait, row = max(waits, key=lambda found: found[0])
        is_news, row.is_refusal_told = not row.is_refusal_told, True
        return Full(wait, is_news)
    for row, then in rows:
        assert isinstance(then, datetime)
        row.drained_at, row.is_refusal_told = then, False
    await session.flush()
    await _sweep(session)
    return None


async def give_back(session: Session, places: Sequence[Place]) -> None:
    """Returns the places of an attempt that succeeded."""
    for place in places:
        row = await session.get(Throttle, place.key, with_for_update=True)
        if row is not None:
            row.drained_at -= place.bucket.every
    await session.flush()


async def _sweep(session: Session) -> None:
    """Removes some buckets that are empty: each attempt makes three rows at most, and removes more.

    Comes last and waits for no lock: whoever waits for the rows that it removes holds none that it needs.
    """
    empty = select(Throttle.key).where(Throttle.drained_at < func.now()).limit(_SWEPT).with_for_update(skip_locked=True)
    await session.execute(delete(Throttle).where(Throttle.key.in_(empty)))
