"""Reading spans and what consumers are behind."""

from __future__ import annotations

import time
from typing import Any

from nexus.db import Database, Session
from nexus.events.offsets import Progress, progress
from nexus.telemetry import spans

#: Seconds for which the progress of consumers is not asked for again: whoever scrapes often must not cost.
FRESH = 5.0


async def trace(session: Session, trace_id: str) -> list[dict[str, Any]]:
    return await spans.trace(session, trace_id)


class Consumers:
    """How far they are, asked at most every FRESH seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._asked = float("-inf")
        self._found: list[Progress] = []

    async def progress(self) -> list[Progress]:
        if time.monotonic() - self._asked > FRESH:
            self._asked = time.monotonic()
            async with self._database.system() as session:
                self._found = await progress(session)
        return self._found
