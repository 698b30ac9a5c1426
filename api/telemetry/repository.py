"""Reading spans, what consumers are behind, and which jobs there are."""

from __future__ import annotations

import time
from typing import Any

from nexus import slices
from nexus.db import Database, Session
from nexus.events.offsets import Progress, progress
from nexus.jobs.rows import Depth, depths
from nexus.telemetry import metrics, spans

#: Seconds for which the progress of consumers and jobs is not asked for again: whoever scrapes often must not cost.
FRESH = 5.0


async def trace(session: Session, trace_id: str) -> list[dict[str, Any]]:
    return await spans.trace(session, trace_id)


class Background:
    """How far consumers are, which jobs there are, and what slices measure (`api/<domain>/metrics.py`:
    `measure(session)`, over every tenant), asked at most every FRESH seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._asked = float("-inf")
        self._found: tuple[list[Progress], list[Depth]] = ([], [])

    async def measured(self) -> tuple[list[Progress], list[Depth]]:
        if time.monotonic() - self._asked > FRESH:
            self._asked = time.monotonic()
            async with self._database.system() as session:
                self._found = (await progress(session), await depths(session))
                for module in slices.modules("metrics").values():
                    await module.measure(session)
            metrics.LOOKED.set(time.time())
        return self._found
