"""How far each consumer is, and how far behind.

Belongs here: the statements on `app.consumer`. Does not belong here: moving on because something was delivered (deliver.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from nexus.db.changes import noted
from nexus.errors import ConflictError
from nexus.events.consumer import Consumer
from nexus.events.log import Position

_ENSURE = text(
    """
    insert into app.consumer (name, generation, xid, position)
    select :name, coalesce(last.generation, 0), coalesce(last.xid, '0'), coalesce(last.position, 0)
    from (select 1) always left join (
      select generation, xid, position from app.events
      where :now and (generation < app.log_generation() or xid < pg_snapshot_xmin(pg_current_snapshot()))
      order by generation desc, xid desc, position desc limit 1
    ) last on true
    on conflict (name) do nothing
    """
)
_GET = text("select generation, xid::text, position, is_paused from app.consumer where name = :name")
_ADVANCE = text(
    """
    update app.consumer
    set generation = :generation, xid = cast(:xid as text)::xid8, position = :position,
        delivered = delivered + :delivered, updated_at = now()
    where name = :name and not is_paused and (generation, xid, position) = (:was_generation, cast(:was_xid as text)::xid8, :was_position)
    """
)
_BEHIND = text(
    """
    select c.name, c.is_paused, c.delivered, c.updated_at, behind.events, behind.oldest,
      (select count(*) from app.delivery d where d.consumer = c.name and d.state <> 'dead') as retrying,
      (select count(*) from app.delivery d where d.consumer = c.name and d.state = 'dead') as dead
    from app.consumer c cross join lateral (
      select count(*) as events, min(recorded_at) as oldest from (
        select recorded_at from app.events e
        where (e.generation, e.xid, e.position) > (c.generation, c.xid, c.position) limit 100000
      ) ahead
    ) behind
    order by c.name
    """
)


class MovedError(ConflictError):
    """Somebody else has moved or paused the consumer meanwhile."""

    code = "consumer_moved"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a consumer stands. `behind` counts events of every type that it has not passed, up to 100,000."""

    name: str
    is_paused: bool
    delivered: int
    updated_at: datetime
    behind: int
    oldest: datetime | None
    retrying: int
    dead: int


async def ensure(session: AsyncSession, consumer: Consumer) -> None:
    """Begins to keep its progress, at the beginning of the log or now, if that has not happened yet."""
    await session.execute(_ENSURE, {"name": consumer.name, "now": consumer.start == "now"})


async def get(session: AsyncSession, consumer: Consumer) -> tuple[Position, bool]:
    """Its place, and whether it is paused."""
    row = (await session.execute(_GET, {"name": consumer.name})).one_or_none()
    if row is None:
        await ensure(session, consumer)
        row = (await session.execute(_GET, {"name": consumer.name})).one()
    generation, xid, position, is_paused = row
    return Position(generation, int(xid), position), is_paused


async def advance(session: AsyncSession, name: str, was: Position, to: Position, delivered: int) -> None:
    """Raises MovedError if it does not stand at `was` any more, or is paused: the transaction must not commit then."""
    done = await session.execute(
        _ADVANCE,
        {
            "name": name,
            "generation": to.generation,
            "xid": str(to.xid),
            "position": to.position,
            "was_generation": was.generation,
            "was_xid": str(was.xid),
            "was_position": was.position,
            "delivered": delivered,
        },
    )
    if done.rowcount != 1:  # type: ignore[attr-defined]
        raise MovedError(f"consumer {name} was moved or paused meanwhile", remedy="nothing: whoever did so goes on")


async def hold(session: AsyncSession, name: str) -> bool:
    """Nobody else moves it on, pauses it, or deals with its letters, before this transaction ends; whether it is paused."""
    sql = text("select is_paused from app.consumer where name = :name for update")
    return bool(await session.scalar(sql, {"name": name}))


async def pause(session: AsyncSession, name: str, is_paused: bool) -> None:
    async with noted(session, "consumer", ["name"], ["is_paused"], "name = :n", {"n": name}):
        await session.execute(
            text("update app.consumer set is_paused = :p where name = :n"), {"n": name, "p": is_paused}
        )


async def progress(session: AsyncSession) -> list[Progress]:
    """Every consumer that was ever started, by name."""
    rows = await session.execute(_BEHIND)
    return [
        Progress(r.name, r.is_paused, r.delivered, r.updated_at, r.events, r.oldest, r.retrying, r.dead) for r in rows
    ]
