"""The relay: takes every consumer through the log, as fast as it comes, in any number of processes.

Belongs here: the loop, waking, who works on which consumer. Does not belong here: what a consumer is given (turn.py).

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

from nexus.db import roles
from nexus.db.engine import Database, connect
from nexus.errors import MachineError
from nexus.events.consumer import Consumer
from nexus.events.log import CHANNEL
from nexus.events.offsets import MovedError
from nexus.events.turn import SOON, step
from nexus.settings import Settings
from nexus.trouble import machine_error

_log = logging.getLogger("nexus.relay")
#: Seconds after trouble.
PAUSE = 2.0
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
