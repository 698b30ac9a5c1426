"""Work on the database of a test's application, beside it.

Belongs here: one loop and one pool for all tests of a process. Does not belong here: what is done with them.
Making an engine and its first connection takes ten times what a test then does with it.
"""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from nexus.db import Database
from nexus.settings import Settings

T = TypeVar("T")
_open: dict[tuple[Path, str | None], Database] = {}


def outside(settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    """What `work` returns. In a thread of its own, because that of a browser's test has a loop already."""

    async def done() -> T:
        url = settings.database_url
        which = (settings.home, url.get_secret_value() if url else None)
        if which not in _open:
            _open[which] = Database(settings)
        try:
            return await work(_open[which])
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        # a test has cut everybody's connections since
        return await work(_open[which])

    return asyncio.run_coroutine_threadsafe(done(), _loop()).result()


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="outside", daemon=True).start()
    atexit.register(_close)
    return loop


def _close() -> None:
    async def closed() -> None:
        for database in _open.values():
            await database.close()

    asyncio.run_coroutine_threadsafe(closed(), _loop()).result(10)
