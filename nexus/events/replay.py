"""Replay: giving a consumer events that it has had, to make its rows anew.

Belongs here: choosing them, the pace. Does not belong here: delivering (deliver.py), keeping the relay out (alone.py).
Only a consumer that says `replayable` may have events twice. Effects outside the database are suppressed.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from nexus.db.engine import Database
from nexus.errors import InputError
from nexus.events import offsets
from nexus.events.alone import alone
from nexus.events.consumer import Consumer
from nexus.events.deliver import deliver
from nexus.events.log import Position, Recorded, read


@dataclass(frozen=True, slots=True)
class Span:
    """Which events: of a stream, of types (may end in `*`), recorded from `since` (included) to `until` (not)."""

    stream: str | None = None
    types: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None

    def holds(self, event: Recorded) -> bool:
        return (
            (self.stream is None or event.stream == self.stream)
            and (not self.types or any(fnmatchcase(event.type, pattern) for pattern in self.types))
            and (self.since is None or event.recorded_at >= self.since)
            and (self.until is None or event.recorded_at < self.until)
        )


async def replay(
    database: Database, consumer: Consumer, span: Span, *, rate: float | None = None, dry_run: bool = False
) -> Counter[str]:
    """How many events of which type were given again (or would be); in the order of the log, at most `rate` a second.

    Goes as far as the consumer is: what it has not had yet, it will have. The relay leaves it alone meanwhile. An event
    that fails ends the replay with the consumer's error; what came before stays done. Raises InputError for a consumer
    that must not have an event twice, ConflictError while another replay has it.
    """
    given: Counter[str] = Counter()
    if dry_run:
        async for events in _chosen(database, consumer, span):
            given.update(event.type for event in events)
        return given
    check(consumer)
    async with alone(database, consumer.name) as still:
        began = time.monotonic()
        async for found in _chosen(database, consumer, span):
            for events in _parts(found, rate):
                if rate:
                    await asyncio.sleep(max(0.0, began + given.total() / rate - time.monotonic()))
                while events:
                    still()
                    done = await deliver(database, consumer, events, is_replay=True)
                    given.update(event.type for event in events[:done])
                    events = events[done:]
    return given


def _parts(events: list[Recorded], rate: float | None) -> Iterator[list[Recorded]]:
    """No more at once than may come in a second."""
    most = max(1, int(rate)) if rate else len(events)
    for first in range(0, len(events), most):
        yield events[first : first + most]


def check(consumer: Consumer) -> None:
    """Raises InputError for a consumer that must not have an event twice."""
    if not consumer.replayable:
        raise InputError(
            f"consumer {consumer.name!r} must not have an event twice",
            remedy="make what it writes the same again, declare it `replayable`, then replay",
        )


async def _chosen(database: Database, consumer: Consumer, span: Span) -> AsyncIterator[list[Recorded]]:
    """Up to where the consumer is as this begins."""
    async with database.system() as session:
        end, _ = await offsets.get(session, consumer)
    at = Position()
    while at < end:
        async with database.system() as session:
            batch = [event for event in await read(session, at, limit=consumer.batch) if event.at <= end]
        if not batch:
            return
        at = batch[-1].at
        if found := [event for event in batch if consumer.wants(event) and span.holds(event)]:
            yield found
