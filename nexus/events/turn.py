"""One turn of a consumer: retries that are due, then the next events, and what becomes of one that fails.

Belongs here: how far a turn goes. Does not belong here: when there is one, and in which process (relay.py), delivering
(deliver.py), what is kept of a failure (letters.py).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from sqlalchemy import text

from nexus.db.engine import Database
from nexus.db.session import Session
from nexus.events import letters, offsets
from nexus.events.alone import is_left
from nexus.events.consumer import Consumer
from nexus.events.deliver import deliver
from nexus.events.log import Position, Recorded, read
from nexus.events.offsets import MovedError
from nexus.trouble import machine_error

_log = logging.getLogger("nexus.relay")
#: Seconds: between looks without a notification, and for events that others' open transactions hold back.
POLL, SOON = 1.0, 0.01


async def step(database: Database, consumer: Consumer) -> float:
    """Retries that are due, then the next events; seconds until there may be more (0: at once)."""
    async with database.system() as session:
        at, is_paused = await offsets.get(session, consumer)
        is_paused = is_paused or not await is_left(session, consumer.name)
        due = [] if is_paused else await letters.due(session, consumer)
        batch = [] if is_paused else await read(session, at, limit=consumer.batch)
        held_back = bool(not batch and await _is_held_back(session, at))
    for letter in due:
        if not await _again(database, consumer, letter):
            break
    if batch:
        await _pass(database, consumer, at, batch)
    if batch or due:
        return 0
    return SOON if held_back and not is_paused else POLL


async def _pass(database: Database, consumer: Consumer, at: Position, batch: Sequence[Recorded]) -> Position:
    """Takes the consumer past `batch`, or a part of it if that takes long or an event fails; how far."""
    async with database.system() as session:
        mine = [event for event in batch if consumer.wants(event)]
        stopped = await letters.blocked(session, consumer, (event.stream for event in mine))
    now = [event for event in mine if event.stream not in stopped]
    behind = [event for event in mine if event.stream in stopped]
    to, reached = batch[-1].at, None

    def begins(event: Recorded) -> None:
        nonlocal reached
        reached = event

    async def also(session: Session, done: int) -> None:
        nonlocal to, reached
        reached = None
        if done < len(now):
            to = max(event.at for event in batch if event.at < now[done].at)
        await _unreplayed(session, consumer)
        await offsets.advance(session, consumer.name, at, to, done)
        if parked := [event for event in behind if event.at <= to]:
            await letters.park(session, consumer, parked)
            await letters.promote(session, consumer.name, (event.stream for event in parked))

    try:
        await deliver(database, consumer, now, also, begins=begins)
    except Exception as error:
        if isinstance(error, MovedError) or machine_error(error):
            raise
        return await _without(database, consumer, at, batch, reached, error)
    return to


async def _without(
    database: Database,
    consumer: Consumer,
    at: Position,
    batch: Sequence[Recorded],
    failed: Recorded | None,
    error: Exception,
) -> Position:
    """Takes the consumer past what of `batch` comes before the event that failed, and past that; how far. One that fails at
    the commit is not known: half of the batch is tried then, until it stands alone."""
    if failed is None and len(batch) > 1:
        return await _pass(database, consumer, at, batch[: len(batch) // 2])
    failed = failed or batch[0]
    if before := [event for event in batch if event.at < failed.at]:
        at = await _pass(database, consumer, at, before)
        if at < before[-1].at:
            return at
    await _failed(database, consumer, failed, 1, error, at)
    return failed.at


async def _again(database: Database, consumer: Consumer, letter: letters.Letter) -> bool:
    """Whether it was dealt with: after one that was not, the others wait for the next turn, and new events do not."""
    event = letter.recorded

    async def also(session: Session, _: int) -> None:
        await _unreplayed(session, consumer)
        if await offsets.hold(session, consumer.name):
            raise MovedError(
                f"consumer {consumer.name} was paused meanwhile", remedy="nothing: it goes on when resumed"
            )
        await letters.settle(session, consumer.name, event)

    try:
        await deliver(database, consumer, [event], also)
    except Exception as error:
        if isinstance(error, MovedError) or machine_error(error):
            raise
        await _failed(database, consumer, event, letter.attempts + 1, error)
        return False
    return True


async def _failed(
    database: Database, consumer: Consumer, event: Recorded, attempts: int, error: Exception, at: Position | None = None
) -> None:
    """`at`: where the consumer stands, which is taken past the event."""
    async with database.system() as session:
        await _unreplayed(session, consumer)
        if at is not None:
            await offsets.advance(session, consumer.name, at, event.at, 0)
        state = await letters.fail(session, consumer, event, attempts, error)
    level = logging.ERROR if state == "dead" else logging.WARNING
    _log.log(
        level,
        "consumer %s: event %s failed at attempt %s and is %s: %s",
        consumer.name,
        event.id,
        attempts,
        state,
        error,
    )


async def _unreplayed(session: Session, consumer: Consumer) -> None:
    """Raises MovedError while a replay has the consumer: the transaction must not commit then."""
    if not await is_left(session, consumer.name):
        raise MovedError(f"consumer {consumer.name} is being replayed", remedy="nothing: it goes on afterwards")


async def _is_held_back(session: Session, at: Position) -> bool:
    """Whether there are events that an open transaction keeps from being settled."""
    sql = """
        select exists (select 1 from app.events
          where (generation, xid, position) > (:generation, cast(:xid as text)::xid8, :position))
    """
    values = {"generation": at.generation, "xid": str(at.xid), "position": at.position}
    return bool(await session.scalar(text(sql), values))
