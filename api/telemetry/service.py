"""Bringing the gauges up to date before they are read."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from api.telemetry.repository import Consumers
from nexus.db import Database
from nexus.telemetry import metrics

_log = logging.getLogger("nexus.telemetry")


async def measured(database: Database, consumers: Consumers) -> bytes:
    """Every metric. What cannot be asked for now keeps its last value: a scrape must not fail with the database."""
    try:
        found = await consumers.progress()
    except Exception as error:  # noqa: BLE001
        _log.warning("consumers cannot be asked how far they are: %s", type(error).__name__)
        found = []
    now = datetime.now(UTC)
    for one in found:
        metrics.BEHIND.labels(one.name).set(one.behind)
        metrics.LAG.labels(one.name).set((now - one.oldest).total_seconds() if one.oldest else 0)
        metrics.LETTERS.labels(one.name, "retrying").set(one.retrying)
        metrics.LETTERS.labels(one.name, "dead").set(one.dead)
    for name, (used, idle) in database.connections().items():
        metrics.POOL.labels(name, "used").set(used)
        metrics.POOL.labels(name, "idle").set(idle)
    return metrics.text()
