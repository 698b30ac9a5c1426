"""For commands: a transaction over the operational database that is kept in the audit log as the act that it is.

Belongs here: who acts by a command, under which name, in which transaction. Does not belong here: any command
(`nexus/cli/*.py`, `api/<domain>/commands.py`), what is kept of an act (api/audit).

An act is called as it was typed, without what was typed after it: arguments name people.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from typer._click import Context
from typer._click.globals import get_current_context

from nexus.db.acts import Act
from nexus.db.engine import Database
from nexus.db.migrate import migrate
from nexus.db.session import Session
from nexus.tenancy import LOCAL_ORGANISATION, Tenant

T = TypeVar("T")
#: Whoever can run a command has this machine.
ACTOR = "local"


def run(work: Callable[[Session], Awaitable[T]], organisation: str | None = None) -> T:
    """What `work` returns, done in one transaction: of the organisation, or of the system, which sees all.

    What it changes is an act in the audit log of the organisation, or of this machine's (`about` says otherwise).
    """

    async def within(database: Database) -> T:
        async with database.transaction(Tenant(organisation)) if organisation else database.system() as session:
            about(session, organisation or LOCAL_ORGANISATION)
            return await work(session)

    return over(within)


def over(work: Callable[[Database], Awaitable[T]]) -> T:
    """For commands that read, or need more than one transaction: what `work` returns. Not an act by itself."""
    from nexus.settings import get_settings

    settings = get_settings()
    migrate(settings)

    async def done() -> T:
        database = Database(settings, pool_size=8)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(done())


def about(session: Session, organisation: str) -> None:
    """The command concerns this organisation: its audit log has the act."""
    act = Act(organisation, ACTOR, ACTOR, None, name())
    session.act = lambda: act


def name() -> str:
    """The command that is being run, such as `nexus users add`."""
    words: list[str] = []
    context: Context | None = get_current_context(silent=True)
    while context is not None and context.parent is not None:
        words.append(context.info_name or "")
        context = context.parent
    return " ".join(["nexus", *reversed(words)])
