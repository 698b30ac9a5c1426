"""Calls of a test over a database of its own, and a consumer that takes what there is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from nexus.db import Database
from nexus.events.consumer import Consumer
from nexus.events.turn import step
from nexus.settings import Settings


def run(settings: Settings, call: Callable[[Database], Awaitable[Any]]) -> Any:
    async def inside() -> Any:
        database = Database(settings)
        try:
            return await call(database)
        finally:
            await database.close()

    return asyncio.run(inside())


async def drain(database: Database, consumer: Consumer) -> None:
    while await step(database, consumer) == 0:
        pass
