"""Events that a consumer could not deal with: tried again after pauses, then dead letters that wait for somebody.

Belongs here: the statements on `app.delivery`. Does not belong here: delivering.

`retrying` is tried again at `next_at`; `waiting` comes behind one of the same stream; `dead` waits for `requeue` or `purge`.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from nexus.db.changes import noted
from nexus.errors import NotFoundError, Permanent
from nexus.events import offsets
from nexus.events.consumer import Consumer
from nexus.events.log import COLUMNS, Recorded, recorded

_PARK = """
insert into app.delivery (consumer, event_id, organisation_id, stream, state, attempts, next_at, failed_at, error,
  generation, xid, position)
select :consumer, id, organisation_id, stream, :state, :attempts, now() + :pause, :failed, :error, generation, xid, position
from app.events where id = any (:ids)
on conflict (consumer, event_id) do update set state = excluded.state, attempts = excluded.attempts,
  next_at = excluded.next_at, failed_at = excluded.failed_at, error = excluded.error
"""
#: What the audit log is told of letters: errors may repeat what somebody wrote.
NOTED = ("delivery", ("consumer", "event_id"), ("state", "attempts"))
_OF_EVENT = ", ".join(f"e.{c.strip()}" for c in COLUMNS.split(","))


@dataclass(frozen=True, slots=True)
class Letter:
    """An event and what became of it at a consumer."""

    consumer: str
    state: str
    attempts: int
    next_at: datetime | None
    failed_at: datetime | None
    error: str | None
    recorded: Recorded


async def blocked(session: AsyncSession, consumer: Consumer, streams: Iterable[str]) -> set[str]:
    """Those of `streams` in which an earlier event has not been dealt with."""
    wanted = sorted(set(streams))
    if not consumer.ordered or not wanted:
        return set()
    sql = text("select distinct stream from app.delivery where consumer = :consumer and stream = any (:streams)")
    return set(await session.scalars(sql, {"consumer": consumer.name, "streams": wanted}))


async def park(session: AsyncSession, consumer: Consumer, events: Sequence[Recorded]) -> None:
    """Lets events wait behind an earlier one of their stream."""
    if events:
        values = {"state": "waiting", "attempts": 0, "pause": timedelta(0), "failed": None, "error": None}
        await session.execute(text(_PARK), {"consumer": consumer.name, "ids": [e.id for e in events], **values})


async def fail(session: AsyncSession, consumer: Consumer, event: Recorded, attempts: int, error: BaseException) -> str:
    """Notes a failed attempt; the state that follows from it. What can never succeed is not tried again."""
    is_over = attempts > len(consumer.pauses) or isinstance(error, Permanent)
    pause = timedelta(0) if is_over else consumer.pauses[attempts - 1] * random.uniform(1.0, 1.2)
    values = {
        "consumer": consumer.name,
        "ids": [event.id],
        "state": "dead" if is_over else "retrying",
        "attempts": attempts,
        "pause": pause,
        "error": f"{type(error).__name__}: {error}"[:2000].replace("\0", ""),
    }
    sql = _PARK.replace(":failed", "now()")
    await session.execute(text(sql), values)
    return str(values["state"])


async def due(session: AsyncSession, consumer: Consumer, limit: int = 50) -> list[Letter]:
    """Those whose time has come, in the order of the log."""
    return await _letters(
        session,
        "d.consumer = :consumer and d.state = 'retrying' and d.next_at <= now()",
        {"consumer": consumer.name},
        limit,
    )


async def settle(session: AsyncSession, consumer: str, event: Recorded) -> None:
    """It was dealt with (or given up): the next of its stream is due."""
    await offsets.hold(session, consumer)
    values = {"consumer": consumer, "event": event.id}
    await session.execute(text("delete from app.delivery where consumer = :consumer and event_id = :event"), values)
    await promote(session, consumer, [event.stream])


async def promote(session: AsyncSession, consumer: str, streams: Iterable[str]) -> None:
    """The first of each of these streams is due if it waits: nothing is before it any more.

    Whoever lets events wait does so too, since what they wait behind may be gone by then. Both hold the consumer's place
    (offsets.hold), so one of them comes second and sees what the other did.
    """
    # one row of each by the index: thousands may wait in a stream, and this is asked after every one of them
    sql = """
        update app.delivery set state = 'retrying', next_at = now()
        where consumer = :consumer and state = 'waiting' and event_id = any (array(
          select (
            select event_id from app.delivery where consumer = :consumer and stream = of_stream.name
            order by generation, xid, position limit 1)
          from unnest(cast(:streams as text[])) as of_stream (name)))
    """
    await session.execute(text(sql), {"consumer": consumer, "streams": sorted(set(streams))})


async def dead(
    session: AsyncSession, consumer: str | None = None, event: str | None = None, limit: int = 100
) -> list[Letter]:
    """Dead letters, oldest first."""
    where = "d.state = 'dead' and (cast(:consumer as text) is null or d.consumer = :consumer)"
    where += " and (cast(:event as text) is null or d.event_id = :event)"
    return await _letters(session, where, {"consumer": consumer, "event": event}, limit)


async def requeue(session: AsyncSession, consumer: str, event: str | None = None) -> int:
    """Lets a consumer try its dead letters (or one) again, from the first attempt; how many."""
    await offsets.hold(session, consumer)
    found = await required(session, consumer, event)
    sql = "update app.delivery set state = 'retrying', attempts = 0, next_at = now() where consumer = :c and event_id = any (:e)"
    values = {"c": consumer, "e": [letter.recorded.id for letter in found]}
    async with noted(session, *NOTED, "consumer = :c and event_id = any (:e)", values):
        await session.execute(text(sql), values)
    await session.execute(text("select pg_notify('nexus_events', '')"))
    return len(found)


async def purge(session: AsyncSession, consumer: str, event: str | None = None) -> int:
    """Gives up a consumer's dead letters (or one): it never has them, and what waited behind them goes on. The events stay
    in the log."""
    await offsets.hold(session, consumer)
    found = await required(session, consumer, event)
    values = {"c": consumer, "streams": [letter.recorded.stream for letter in found]}
    async with noted(session, *NOTED, "consumer = :c and stream = any (:streams)", values):
        for letter in found:
            await settle(session, consumer, letter.recorded)
    return len(found)


async def required(session: AsyncSession, consumer: str, event: str | None) -> list[Letter]:
    """A consumer's dead letters (or one). Raises NotFoundError if there are none."""
    found = await dead(session, consumer, event, limit=100_000)
    if not found:
        what = f"no dead letter {event}" if event else "no dead letters"
        raise NotFoundError(f"consumer {consumer!r} has {what}", remedy="`nexus events dead-letters list` shows all")
    return found


async def _letters(session: AsyncSession, where: str, values: Mapping[str, Any], limit: int) -> list[Letter]:
    sql = f"""
        select d.consumer, d.state, d.attempts, d.next_at, d.failed_at, d.error, {_OF_EVENT}
        from app.delivery d join app.events e on e.id = d.event_id
        where {where} order by d.generation, d.xid, d.position limit :most
    """
    own = ("consumer", "state", "attempts", "next_at", "failed_at", "error")
    found = []
    for row in (await session.execute(text(sql), {**values, "most": limit})).mappings():
        event = {name: value for name, value in row.items() if name not in own}
        found.append(Letter(**{name: row[name] for name in own}, recorded=recorded(event)))
    return found
