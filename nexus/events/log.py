"""The log itself: appending to it, and reading it in an order that skips nothing.

Belongs here: the statements on `app.events`. Does not belong here: who reads how far (consumers).

Ids are given before transactions commit, so a reader of "greater than the last id" misses what commits late. The order
is (generation, xid, position), and a reader sees only transactions older than every open one: nothing can still appear
before what it has read. `xid` is the transaction's, or that of the stream's event before, if that is greater: a stream is
read in the order of its numbers (kernel_0011). A generation begins when the database is restored into a cluster that counts
from the start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import text

from nexus.events.event import Event, Recording, load

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

CHANNEL = "nexus_events"
COLUMNS = (
    "id, type, source, subject, stream, sequence, time, recorded_at, schemaver, organisation_id, workspace_id, "
    "traceparent, correlation_id, causation_id, data, generation, xid::text as xid, position"
)


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the log; the start is `Position()`."""

    generation: int = 0
    xid: int = 0
    position: int = 0

    def __str__(self) -> str:
        return f"{self.generation}.{self.xid}.{self.position}"


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event of the log. `sequence` counts within its stream, from 1."""

    id: str
    type: str
    source: str
    subject: str
    stream: str
    sequence: int
    time: datetime
    recorded_at: datetime
    schemaver: int
    organisation_id: str
    workspace_id: str | None
    traceparent: str | None
    correlation_id: str
    causation_id: str | None
    data: Mapping[str, Any]
    at: Position

    @property
    def event(self) -> Event:
        """The typed event, in its newest version."""
        return load(self.type, self.schemaver, self.data)

    def cloud_event(self) -> dict[str, Any]:
        """The envelope of CloudEvents 1.0, in its JSON form."""
        envelope = {
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "subject": self.subject,
            "time": self.time.isoformat().replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "tenantid": self.organisation_id,
            "workspaceid": self.workspace_id,
            "sequence": str(self.sequence),
            "schemaver": str(self.schemaver),
            "traceparent": self.traceparent,
            "correlationid": self.correlation_id,
            "causationid": self.causation_id,
            "data": dict(self.data),
        }
        return {name: value for name, value in envelope.items() if value is not None}


_APPEND = text("select app.append_events(cast(:batch as jsonb))")


async def append(session: AsyncSession, recordings: Sequence[Recording]) -> None:
    """Writes them in one statement. Whoever commits it wakes who waits (wake.py)."""
    await session.execute(_APPEND, {"batch": batch(recordings)})


def batch(recordings: Sequence[Recording]) -> str:
    """As `app.append_events` takes them."""
    return orjson.dumps([recording.values() for recording in recordings]).decode()


async def read(
    session: AsyncSession,
    after: Position = Position(),
    *,
    limit: int = 500,
    types: Sequence[str] | None = None,
) -> list[Recorded]:
    """Events after a place, in the one order that skips none, as far as they are settled. `types` may end in `*`."""
    rows = await session.execute(
        text(f"select {COLUMNS} from app.events_after(:generation, :xid, :position, :most, :types)"),
        {
            "generation": after.generation,
            "xid": str(after.xid),
            "position": after.position,
            "most": limit,
            "types": _patterns(types),
        },
    )
    return [recorded(row._mapping) for row in rows]


async def newest(
    session: AsyncSession, limit: int, *, types: Sequence[str] | None = None, stream: str | None = None
) -> list[Recorded]:
    """The last `limit` settled events, oldest first."""
    rows = await session.execute(
        text(
            f"""
            select {COLUMNS} from app.events
            where (cast(:types as text[]) is null or type like any (:types)) and (cast(:stream as text) is null or stream = :stream)
              and (generation < app.log_generation() or xid < pg_snapshot_xmin(pg_current_snapshot()))
            order by events.generation desc, events.xid desc, events.position desc limit :most
            """
        ),
        {"types": _patterns(types), "stream": stream, "most": limit},
    )
    return [recorded(row._mapping) for row in rows][::-1]


def _patterns(types: Sequence[str] | None) -> list[str] | None:
    return [t.replace("_", r"\_").replace("*", "%") for t in types] if types else None


def recorded(row: Mapping[Any, Any]) -> Recorded:
    values = dict(row)
    at = Position(values.pop("generation"), int(values.pop("xid")), values.pop("position"))
    data = values.pop("data")
    return Recorded(**values, data=orjson.loads(data) if isinstance(data, str | bytes) else data, at=at)
