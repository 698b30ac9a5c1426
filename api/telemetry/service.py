"""Bringing the gauges up to date before they are read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from api.telemetry.repository import Background
from nexus.db import Database
from nexus.events.offsets import Progress
from nexus.jobs.rows import Depth
from nexus.telemetry import metrics

#: Seconds in which the database tells what it is asked for; a scraper gives up after ten.
WITHIN = 5.0
_log = logging.getLogger("nexus.telemetry")


async def measured(database: Database, background: Background) -> bytes:
    """Every metric. What cannot be asked for now keeps its last value, and `nexus_looked_timestamp_seconds` tells of when it
    is: a scrape must not fail with the database, nor wait for it."""
    try:
        async with asyncio.timeout(WITHIN):
            consumers, jobs = await background.measured()
    except Exception as error:  # noqa: BLE001
        _log.warning("consumers and jobs cannot be asked how far they are: %s", type(error).__name__)
    else:
        _tell(consumers, jobs)
    for name, (used, idle) in database.connections().items():
        metrics.POOL.labels(name, "used").set(used)
        metrics.POOL.labels(name, "idle").set(idle)
    return metrics.text()


def _tell(consumers: Sequence[Progress], jobs: Sequence[Depth]) -> None:
    now = datetime.now(UTC)
    metrics.BEHIND.tell({(one.name,): one.behind for one in consumers})
    metrics.LAG.tell({(one.name,): (now - one.oldest).total_seconds() if one.oldest else 0 for one in consumers})
    letters: dict[tuple[str, ...], float] = {}
    for one in consumers:
        letters |= {(one.name, "retrying"): one.retrying, (one.name, "dead"): one.dead}
    metrics.LETTERS.tell(letters)
    late: dict[tuple[str, ...], float] = {}
    for depth in jobs:
        if depth.state in {"pending", "waiting"} and depth.oldest:
            late[depth.name,] = max(late.get((depth.name,), 0.0), (now - depth.oldest).total_seconds())
    metrics.JOBS.tell({(depth.name, depth.state): depth.number for depth in jobs})
    metrics.JOBS_LATE.tell(late)
