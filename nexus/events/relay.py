"""The relay: takes every consumer through the log, as fast as it comes, in any number of processes.

Belongs here: the loop, waking, who works on which consumer. Does not belong here: delivering one (deliver.py), failures
(letters.py).

A consumer is worked on by whoever holds its advisory lock, which falls with the connection. Should two believe they hold
it (a connection that is dead and does not know), progress is written only by the one that still stands where it began,
in the transaction of the effects: the other's effects are rolled back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence

import asyncpg
from sqlalchemy import text

from nexus.db import roles
from nexus.db.engine import Database, connect
from nexus.db.session import Session
from nexus.errors import MachineError
from nexus.events import letters, offsets
from nexus.events.alone import is_left
from nexus.events.consumer import Consumer
from nexus.events.deliver import deliver
from nexus.events.log import CHANNEL, Position, Recorded, read
from nexus.events.offsets import MovedError
from nexus.settings import Settings
from nexus.trouble import machine_error

_log = logging.getLogger("nexus.relay")
#: Seconds: between looks without a notification, for events that others' open transactions hold back, after trouble.
POLL, SOON, PAUSE = 1.0, 0.01, 2.0
_AWAY = (OSError, MachineError, asyncpg.PostgresError, asyncpg.InterfaceError)


class Relay:
    """Runs `consumers` until told to stop. One instance for each event loop."""

    def __init__(self, settings: Settings, consumers: Sequence[Consumer], database: Database | None = None) -> None:
        self._settings = settings
        self._consumers = consumers
        self.database = database or Database(settings, pool_size=4 * max(2, len(consumers)))
        self._wakers: list[asyncio.Event] = []
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """What is being delivered is finished first."""
        self._stopping.set()
        self._wake()

    async def run(self) -> None:
        """Until `stop`. A database that goes away is waited for. Whoever made the relay closes `database`."""
        while not self._stopping.is_set():
            try:
                await self._connected()
            except _AWAY as error:
                _log.warning("the relay lost its database: %s; again in %s s", error, PAUSE)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), PAUSE)

    async def _connected(self) -> None:
        control = await connect(self._settings, roles.SYSTEM)
        try:
            control.add_termination_listener(lambda _: self._wake())
            await control.add_listener(CHANNEL, lambda *_: self._wake())
            turn = asyncio.Lock()
            async with asyncio.TaskGroup() as group:
                for consumer in self._consumers:
                    group.create_task(self._follow(consumer, control, turn))
        except* _AWAY as several:
            raise several.exceptions[0] from None
        finally:
            control.terminate()

    async def _follow(self, consumer: Consumer, control: asyncpg.Connection, turn: asyncio.Lock) -> None:
        """One consumer, for as long as `control` lives."""
        wake = asyncio.Event()
        self._wakers.append(wake)
        is_mine = False
        try:
            while not self._stopping.is_set():
                if control.is_closed():
                    raise asyncpg.InterfaceError("the connection that holds the locks is closed")
                wake.clear()
                if not is_mine:
                    async with turn:
                        is_mine = await control.fetchval(
                            "select pg_try_advisory_lock(hashtextextended($1, 7305))", f"consumer {consumer.name}"
                        )
                pause = await self._worked(consumer) if is_mine else PAUSE
                if pause:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(wake.wait() if is_mine else self._stopping.wait(), pause)
        finally:
            self._wakers.remove(wake)

    async def _worked(self, consumer: Consumer) -> float:
        """One round; seconds until there may be more (0: at once)."""
        try:
            return await step(self.database, consumer)
        except MovedError as error:
            _log.info("%s", error.message)
            return SOON
        except Exception as error:  # noqa: BLE001
            # one consumer's trouble is not another's; it is tried again, and its lag says so
            if machine_error(error) is None:
                _log.error("consumer %s stopped for now", consumer.name, exc_info=error)
            return PAUSE

    def _wake(self) -> None:
        for wake in self._wakers:
            wake.set()


async def step(database: Database, consumer: Consumer) -> float:
    """Retries that are due, then the next events; seconds until there may be more (0: at once)."""
    async with database.system() as session:
        at, is_paused = await offsets.get(session, consumer)
        is_paused = is_paused or not await is_left(session, consumer.name)
        due = [] if is_paused else await letters.due(session, consumer)
        batch = [] if is_paused else await read(session, at, limit=consumer.batch)
        held_back = bool(not batch and await _is_held_back(session, at))
    for letter in due:
        await _again(database, consumer, letter)
    if batch:
        await _pass(database, consumer, at, batch)
    if batch or due:
        return 0
    return SOON if held_back and not is_paused else POLL


async def _pass(database: Database, consumer: Consumer, at: Position, batch: Sequence[Recorded]) -> Position:
    """Takes the consumer past `batch`, or a part of it if that takes long; how far. A batch in which something fails is halved
    until what fails stands alone."""
    async with database.system() as session:
        mine = [event for event in batch if consumer.wants(event)]
        stopped = await letters.blocked(session, consumer, (event.stream for event in mine))
    now = [event for event in mine if event.stream not in stopped]
    behind = [event for event in mine if event.stream in stopped]
    to = batch[-1].at

    async def also(session: Session, done: int) -> None:
        nonlocal to
        if done < len(now):
            to = max(event.at for event in batch if event.at < now[done].at)
        await _unreplayed(session, consumer)
        await offsets.advance(session, consumer.name, at, to, done)
        if parked := [event for event in behind if event.at <= to]:
            await letters.park(session, consumer, parked)
            await letters.promote(session, consumer.name, (event.stream for event in parked))

    try:
        await deliver(database, consumer, now, also)
    except Exception as error:
        if isinstance(error, MovedError) or machine_error(error):
            raise
        if len(batch) > 1:
            middle = len(batch) // 2
            at = await _pass(database, consumer, at, batch[:middle])
            # what took long ended earlier: the rest is for the next round
            return at if at < batch[middle - 1].at else await _pass(database, consumer, at, batch[middle:])
        await _failed(database, consumer, batch[0], 1, error, at)
        to = batch[0].at
    return to


async def _again(database: Database, consumer: Consumer, letter: letters.Letter) -> None:
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
