"""Connections of the API's process: pools as the roles that own nothing.

Belongs here: how `nexus_api` and `nexus_system` reach the server, and for how long a statement may take.
Does not belong here: what a transaction sees and publishes (session.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from typing import Any

import asyncpg
from sqlalchemy import ExceptionContext, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from nexus import postgres
from nexus.db import roles
from nexus.db.at_once import Proof
from nexus.db.connections import Connections, silent
from nexus.db.direct import Direct
from nexus.db.session import Session
from nexus.errors import MachineError
from nexus.events.wake import Wake
from nexus.settings import Settings
from nexus.tenancy import Tenant

#: An open writing transaction holds back every reader of the event log: none may be forgotten.
_LIMITS = {
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "30s",
    "lock_timeout": "10s",
    "timezone": "UTC",
}
#: Seconds in which a server lets somebody in, and in which it answers a statement: longer than the statement may take, so that
#: only one that is frozen or cut off is given up.
CONNECT_WITHIN, ANSWER_WITHIN = 10.0, 35.0
#: What says that a server is not to be had now. The last is there, and full.
_AWAY = (OSError, asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError)


class Database:
    """The operational database of one process. Opens nothing before the first statement."""

    def __init__(self, settings: Settings, pool_size: int = 20) -> None:
        self._settings = settings
        self._pool_size = pool_size

    @cached_property
    def api(self) -> AsyncEngine:
        """Runs as `nexus_api`: policies hold."""
        return self._engine(roles.API, self._pool_size)

    @cached_property
    def everything(self) -> AsyncEngine:
        """Runs as `nexus_system`: policies let it see every tenant."""
        return self._engine(roles.SYSTEM, max(2, self._pool_size // 4))

    @cached_property
    def lookups(self) -> Connections:
        """Single statements as `nexus_system`, straight through the driver: whose credential is this?"""
        return Connections(lambda: connect(self._settings, roles.SYSTEM), max(2, self._pool_size // 4))

    @cached_property
    def _direct(self) -> Connections:
        return Connections(lambda: connect(self._settings, roles.API), self._pool_size)

    @cached_property
    def wake(self) -> Wake:
        """Called after a commit that recorded events."""
        return Wake(self.lookups.row)

    def session(self, tenant: Tenant | Callable[[], Tenant | None] | None) -> Session:
        """A session whose transaction acts for `tenant`, which may be a function asked when it begins."""
        return Session(self.api, tenant=tenant, wake=lambda: self.wake())

    def direct(
        self,
        tenant: Callable[[], Tenant | None],
        owed: Callable[[], Proof | None] = lambda: None,
        is_short: bool = False,
    ) -> Direct:
        """A transaction without SQLAlchemy, for whoever `tenant` says; whoever has asked for it commits and closes it."""
        return Direct(self._direct, tenant, lambda: self.wake(), owed, is_short)

    @asynccontextmanager
    async def transaction(self, tenant: Tenant | None) -> AsyncIterator[Session]:
        """One transaction for `tenant`: committed at the end, rolled back on any error."""
        async with self.session(tenant) as session:
            yield session
            await session.commit()

    @asynccontextmanager
    async def system(self, tenant: Tenant | None = None) -> AsyncIterator[Session]:
        """One transaction over every tenant, for what comes before a tenant is known (a look-up of a key, a relay).

        `tenant` is whose the events recorded in it are.
        """
        async with Session(self.everything, tenant=tenant, wake=lambda: self.wake()) as session:
            yield session
            await session.commit()

    async def asked(self, sql: str, *values: Any) -> Sequence[asyncpg.Record]:
        """Rows of one statement as `nexus_api`, for nobody. It may be given up at any time, and holds nothing then."""
        return await self._direct.read(sql, values)

    async def connection(self) -> asyncpg.Connection:
        """One of its own as `nexus_system`, for a lock that lasts as long as it does: whoever asks for it ends it."""
        return await connect(self._settings, roles.SYSTEM)

    def connections(self) -> dict[str, tuple[int, int]]:
        """Pool → connections in use and idle, of the pools that were needed."""
        made = self.__dict__
        pools = {name: made[name].pool for name in ("api", "everything") if name in made}
        straight = {name.strip("_"): made[name].counts for name in ("lookups", "_direct") if name in made}
        return {name: (pool.checkedout(), pool.checkedin()) for name, pool in pools.items()} | straight

    async def close(self) -> None:
        if "wake" in self.__dict__:
            await self.__dict__.pop("wake").done()
        for name in ("lookups", "_direct"):
            if name in self.__dict__:
                await self.__dict__.pop(name).close()
        for name in ("api", "everything"):
            if name in self.__dict__:
                await self.__dict__.pop(name).dispose()

    def _engine(self, role: str, size: int) -> AsyncEngine:
        made = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=lambda: connect(self._settings, role),
            pool_size=size,
            max_overflow=0,
            pool_timeout=10,
            pool_use_lifo=True,
            # an error tells its statement, and the log whatever an error tells: not what people have sent
            hide_parameters=True,
        )
        event.listen(made.sync_engine, "handle_error", _disconnect, retval=True)
        return made


def _disconnect(error: ExceptionContext) -> MachineError | None:
    """A connection that was cut in the middle of something answers like this ever after, one that does not answer would not
    even roll back: neither may go back to its pool. What is to be raised instead of the error."""
    if isinstance(getattr(error.original_exception, "__cause__", None), asyncpg.InternalClientError):
        error.is_disconnect = True
    if isinstance(error.original_exception, TimeoutError):
        error.is_disconnect = True
        return silent()
    return None


async def connect(settings: Settings, role: str, **options: Any) -> asyncpg.Connection:
    """A connection as `role`. An embedded server that has died is started again. Raises MachineError if there is none, or
    no place in it, or no answer."""
    try:
        try:
            return await _connect(settings, role, **options)
        except _AWAY as error:
            # who is silent or full lives
            lives = isinstance(error, TimeoutError | asyncpg.TooManyConnectionsError)
            if lives or settings.database_url is not None:
                raise
            await asyncio.to_thread(postgres.ensure_running, settings)
            return await _connect(settings, role, **options)
    except TimeoutError:
        raise silent() from None
    except _AWAY as error:
        raise MachineError(f"PostgreSQL cannot be reached: {error}", remedy="`nexus doctor` says why") from error


async def _connect(settings: Settings, role: str, **options: Any) -> asyncpg.Connection:
    own = settings.api_database_url if role == roles.API else None
    url = own.get_secret_value() if own else await asyncio.to_thread(postgres.dsn, settings)
    taken_on: dict[str, str] = {}
    if own is None and settings.database_url is None:
        # nobody but whoever can open the socket gets here: the role logs in itself and can take on no other
        url = url.replace("postgres@", f"{role}@", 1)
    elif own is None:
        taken_on = {"role": role}
    given = {"timeout": CONNECT_WITHIN, "command_timeout": ANSWER_WITHIN, **options}
    return await asyncpg.connect(url, server_settings={**_LIMITS, "application_name": role, **taken_on}, **given)
