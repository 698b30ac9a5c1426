"""DBOS in this process: takes jobs from the queue, begins schedules, and takes over what a dead process had begun.

Belongs here: starting it as the executor of a slot, keeping that slot, stopping it. Does not belong here: what an attempt
is (attempt.py). One for each process, since DBOS is.

A workflow of DBOS is one attempt at a job, or one moment of a schedule: all that it has to remember is that it is not
done. States, retries and results are in `app.job`, where tenants are kept apart.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import asyncpg

from nexus import postgres
from nexus.db import Database, roles
from nexus.db.engine import connect
from nexus.errors import ConflictError, MachineError
from nexus.jobs import schedules, slots
from nexus.jobs.attempt import attempt
from nexus.settings import Settings
from nexus.trouble import machine_error

_log = logging.getLogger("nexus.jobs")
#: Names by which the database knows the queues and the workflow (kernel_0005, kernel_0012), and the application of all.
QUEUE, SHARED, WORKFLOW, APPLICATION = "nexus", "nexus.shared", "nexus.job", "nexus"
#: Jobs that one worker runs at once; besides them such as have a share, and of those with the same one.
AT_ONCE, OF_SHARES, OF_ONE = 16, 8, 2
#: Seconds between looks into the queue, into that of shares and at orphans, after trouble, and for what runs to end when
#: told to stop.
POLL, LOOK, PAUSE, GRACE = 0.25, 1.0, 2.0, 8.0
#: Of the two workflows below: what is pending goes on with a process of the same form only.
FORM = "1"
#: What passes: the database is away, or another was first. Anything else would be tried again for ever, in a place of AT_ONCE.
_AWAY = (OSError, MachineError, ConflictError, asyncpg.PostgresError, asyncpg.InterfaceError)


class Engine:
    """Runs jobs until told to stop."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._stopping = asyncio.Event()
        self._mine: int | None = None

    def stop(self) -> None:
        """What runs has GRACE seconds to end; what has not is gone on with by the next process."""
        self._stopping.set()

    async def run(self) -> None:
        """Until `stop`. A database that goes away is waited for."""
        try:
            while not self._stopping.is_set():
                control: asyncpg.Connection | None = None
                try:
                    control = await connect(self._settings, roles.SYSTEM)
                    await self._watch(control, await self._slot(control))
                except Exception as error:
                    if not isinstance(error, _AWAY) and machine_error(error) is None:
                        raise
                    _log.warning("jobs wait for the database: %s; again in %s s", error, PAUSE)
                    await self._pause(PAUSE)
                finally:
                    if control is not None:
                        control.terminate()
        finally:
            await self._shut()

    async def _slot(self, control: asyncpg.Connection) -> int:
        """The slot as whose executor DBOS runs here, held by `control`."""
        if self._mine is not None and not await slots.reclaim(control, self._mine):
            _log.warning("another worker is %s now: this one becomes another", slots.executor(self._mine))
            await self._shut()
        if self._mine is None:
            slot = await slots.claim(control)
            await self._launch(slot)
            self._mine = slot
        return self._mine

    async def _watch(self, control: asyncpg.Connection, slot: int) -> None:
        """Takes over orphans for as long as the connection that holds the slot lives."""
        orphans, strays = slots.Orphans(control, slot), slots.Strays(control, slot)
        while not self._stopping.is_set():
            for dead in await orphans.take(_recover):
                _log.warning("work of %s, which has died, is gone on with", slots.executor(dead))
            if lost := await strays.take(_active()):
                _log.warning("%s jobs were taken as the connection was cut, and are begun again", len(lost))
            await self._pause(LOOK)

    async def _launch(self, slot: int) -> None:
        from dbos import DBOS, DBOSPortableJSONSerializer

        # lines of a library are lines of ours: without a handler it would make its own
        logging.getLogger("dbos").addHandler(logging.NullHandler())
        url, arguments = _address(self._settings)
        try:
            DBOS(
                config={
                    "name": APPLICATION,
                    "executor_id": slots.executor(slot),
                    "application_version": FORM,
                    "system_database_url": url,
                    "dbos_system_schema": roles.QUEUE,
                    "db_engine_kwargs": {"connect_args": arguments, "pool_pre_ping": True},
                    "sys_db_pool_size": 3,
                    "max_executor_threads": 8,
                    "run_migrations": False,
                    "use_listen_notify": False,
                    "notification_listener_polling_interval_sec": 1.0,
                    # the default pickles
                    "serializer": DBOSPortableJSONSerializer(),
                    "log_level": "WARNING",
                }
            )
            _, fire = self._workflows()
            # from within this loop, which DBOS then runs workflows on
            DBOS.launch()
            await DBOS.register_queue_async(QUEUE, worker_concurrency=AT_ONCE, polling_interval_sec=POLL)
            await DBOS.register_queue_async(
                SHARED, worker_concurrency=OF_SHARES, partition_worker_concurrency=OF_ONE, polling_interval_sec=LOOK
            )
            await asyncio.to_thread(schedules.apply, fire)
        except Exception as error:
            await self._shut()
            raise MachineError(
                f"jobs cannot be begun: {error}", remedy="`nexus migrate`, if it was not done"
            ) from error
        _log.info("jobs are done here as %s", slots.executor(slot))

    def _workflows(self) -> tuple[Any, Any]:
        from dbos import DBOS

        @DBOS.workflow(name=WORKFLOW)
        async def work(id: str) -> None:
            await self._until_written(lambda: attempt(self._database, id))

        @DBOS.workflow(name=schedules.WORKFLOW)
        async def fire(at: datetime | str, job: str) -> None:
            await self._until_written(lambda: schedules.begin(self._database, job, at))

        return work, fire

    async def _until_written(self, call: Any) -> None:
        """Calls until the database has taken what there is to write. Raises what trying again cannot mend."""
        while True:
            try:
                await call()
                return
            except Exception as error:
                if not isinstance(error, _AWAY) and machine_error(error) is None:
                    raise
                _log.warning("a job waits for the database: %s", error)
                await asyncio.sleep(PAUSE)

    async def _shut(self) -> None:
        """What runs has GRACE seconds to end, and DBOS to note that it has."""
        from dbos import DBOS, error
        from dbos._dbos import _get_dbos_instance

        self._mine = None
        with contextlib.suppress(error.DBOSException):
            for event in _get_dbos_instance().background_thread_stop_events:
                # nothing more is begun
                event.set()
            for _ in range(int(GRACE / 0.1)):
                if not _active():
                    break
                await asyncio.sleep(0.1)
        await asyncio.to_thread(DBOS.destroy)
        # DBOS has made its threads those of this loop, and ended them
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(thread_name_prefix="nexus"))

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


def _active() -> list[str]:
    """Workflows that DBOS runs in this process. Raises DBOSException if it does not run."""
    from dbos._dbos import _get_dbos_instance

    return list(_get_dbos_instance()._active_workflows_set.activeList())


async def _recover(executor: str) -> None:
    from dbos import DBOS

    await asyncio.to_thread(DBOS._recover_pending_workflows, [executor])


def _address(settings: Settings) -> tuple[str, dict[str, str]]:
    """URL and arguments by which SQLAlchemy connects as `nexus_system`."""
    url = postgres.sqlalchemy_url(settings)
    if settings.database_url is None:
        return url.replace("postgres:x@", f"{roles.SYSTEM}:x@", 1), {"application_name": "nexus_jobs"}
    return url, {"application_name": "nexus_jobs", "options": f"-c role={roles.SYSTEM}"}
