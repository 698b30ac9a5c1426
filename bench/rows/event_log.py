"""The event log: how soon a consumer has what just happened, and how fast one relay takes it through what waits.

Belongs here: recording, one relay, waiting. Does not belong here: what consumers do; this one counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from bench.row import Clock, Goal, Measures, Place, Row
from nexus.db import Database, Tenant
from nexus.db.migrate import migrate
from nexus.events import Event, offsets
from nexus.events.consumer import Consumer, Delivery
from nexus.events.relay import Relay

TENANT = Tenant("org_bench", "bench")
#: Events that come one by one while the relay waits, and the pause between them, in seconds.
SINGLE, GAP = 100, 0.03
#: Streams over which events are spread.
STREAMS = 100


class Ticked(Event, type="bench.tick.ticked"):
    tick_id: str
    at: float


class Counting:
    """What the consumer has seen, and how long after it was recorded."""

    def __init__(self) -> None:
        self.seen = 0
        self.waits: list[float] = []

    async def __call__(self, delivery: Delivery) -> None:
        self.seen += 1
        self.waits.append(time.time() - delivery.recorded.data["at"])

    async def until(self, number: int) -> None:
        while self.seen < number:
            await asyncio.sleep(0.005)


async def _record(database: Database, number: int, at_once: int) -> None:
    for start in range(0, number, at_once):
        async with database.transaction(TENANT) as session:
            for index in range(start, min(number, start + at_once)):
                session.record(Ticked(tick_id=f"tick_{index % STREAMS}", at=time.time()))
        if at_once == 1:
            await asyncio.sleep(GAP)


@contextlib.asynccontextmanager
async def _running(place: Place, consumer: Consumer) -> AsyncIterator[None]:
    relay = Relay(place.settings, [consumer])
    task = asyncio.create_task(relay.run())
    yield
    relay.stop()
    await task
    await relay.database.close()


async def _measured(place: Place, clock: Clock) -> int:
    database, count = Database(place.settings), Counting()
    consumer = Consumer("bench.count", count)
    async with database.system() as session:
        await offsets.ensure(session, consumer)
    async with _running(place, consumer):
        await asyncio.sleep(1)
        await _record(database, SINGLE, 1)
        await count.until(SINGLE)
    waits = sorted(count.waits)
    clock.figures |= {
        "median wait, ms": waits[len(waits) // 2] * 1e3,
        "95 % within, ms": waits[int(len(waits) * 0.95)] * 1e3,
    }
    await _record(database, place.rows, 1_000)
    count.seen = 0
    with clock:
        async with _running(place, consumer):
            await count.until(place.rows)
    await database.close()
    return place.rows


def _relay(place: Place, clock: Clock) -> int:
    migrate(place.settings)
    return asyncio.run(_measured(place, clock))


def _soon(measures: Measures) -> tuple[str, bool]:
    waits = [sides["relay"].figures["median wait, ms"] for sides in measures.values()]
    return ", ".join(f"{wait:.0f} ms" for wait in waits), max(waits) <= 50


def _fast(measures: Measures) -> tuple[str, bool]:
    rates = [sides["relay"].rate for sides in measures.values()]
    return ", ".join(f"{rate:,.0f}/s" for rate in rates), min(rates) >= 2_000


ROW = Row(
    title="events from the log to one consumer through one relay",
    sizes=(20_000,),
    sides={"relay": _relay},
    goals=(
        Goal("an event is at its consumer within 50 ms (median, idle)", _soon),
        Goal("one relay drains at least 2,000 events a second", _fast),
    ),
    differences=lambda _: [],
    unit="events",
)
