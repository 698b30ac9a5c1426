"""People of tests: made in the database of the kernel's fixture, and a door to it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from api.identity import directory, sessions
from api.identity.directory import Person
from api.identity.sessions import Browser, Lifetimes
from nexus.db import Database, Session
from nexus.settings import Settings
from tests.api.kernel import Kernel

T = TypeVar("T")
HERE = Browser("127.0.0.1", "a test")


def within(settings: Settings, work: Callable[[Session], Awaitable[T]]) -> T:
    """What `work` returns, done in one transaction of the system."""

    async def done() -> T:
        database = Database(settings)
        try:
            async with database.system() as session:
                return await work(session)
        finally:
            await database.close()

    return asyncio.run(done())


def address() -> str:
    return f"{secrets.token_hex(6)}@people.example"


def make(kernel: Kernel, **said: Any) -> Person:
    """Somebody new."""
    return within(kernel.settings, lambda s: directory.create(s, **{"email": address(), "name": "Ada Example", **said}))


def sign_in(kernel: Kernel, person: Person, **said: Any) -> tuple[str, str]:
    """Id and secret of a session of that person."""
    lifetimes = Lifetimes.of(kernel.settings)
    methods = frozenset({"pwd"})
    return within(kernel.settings, lambda s: sessions.start(s, person.id, HERE, lifetimes, methods, **said))


def told(kernel: Kernel, person: Person) -> list[str]:
    """Types of the events about that person, in the order of the log."""
    rows = kernel.sql("select type from app.events where data ->> 'user_id' = %s order by position", person.id)
    return [row[0].removeprefix("identity.") for row in rows]
