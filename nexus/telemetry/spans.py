"""Spans by hand: what took how long in which trace, kept in a bounded table, and exported if somebody collects them.

Belongs here: one span, the queue, writing. Does not belong here: where spans are made (request, event, job).

A span costs microseconds: it is put into a queue of this process, which a task writes to `app.span` once a second. If
more come than can be kept, they are dropped and counted; nothing waits for them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from nexus.telemetry import context, metrics

if TYPE_CHECKING:
    from nexus.telemetry.otlp import Exporter

#: Spans that wait to be written, spans that the table keeps, seconds between writings.
MOST_WAITING, MOST_KEPT, EVERY = 5_000, 100_000, 1.0
_log = logging.getLogger("nexus.telemetry")
#: Spans of this process that no application has a queue of its own for.
WAITING: deque[Span] = deque()


@dataclass(slots=True)
class Span:
    """`attributes` are names and numbers of ours: no text of a caller, no address, no person."""

    name: str
    kind: str
    service: str
    trace_id: str
    span_id: str
    parent_id: str | None
    started_at: datetime
    duration_ms: float = 0.0
    is_error: bool = False
    organisation_id: str | None = None
    attributes: dict[str, Any] = field(default_factory=dict)


@contextmanager
def span(name: str, kind: str, service: str, attributes: Mapping[str, Any] | None = None) -> Iterator[Span]:
    """One span below the current context, which it is meanwhile; an exception marks it as failed."""
    above = context.current() or context.begin()
    mine = context.below(above)
    parent = None if above.span_id == context.NO_SPAN else above.span_id
    made = Span(name, kind, service, mine.trace_id, mine.span_id, parent, datetime.now(UTC))
    made.attributes.update(attributes or {})
    token = context.set_current(mine)
    began = time.perf_counter()
    try:
        yield made
    except BaseException as error:
        made.is_error = True
        made.attributes["error"] = type(error).__name__
        raise
    finally:
        made.duration_ms = (time.perf_counter() - began) * 1000
        made.organisation_id = mine.organisation
        context.reset(token)
        waiting = WAITING if mine.sink is None else mine.sink
        if len(waiting) < MOST_WAITING:
            waiting.append(made)
        else:
            metrics.SPANS_DROPPED.inc()


_INSERT = text(
    """
    insert into app.span (trace_id, span_id, parent_id, name, kind, service, started_at, duration_ms, is_error, attributes,
      organisation_id)
    select trace_id, span_id, parent_id, name, kind, service, started_at, duration_ms, is_error, attributes, organisation_id
    from jsonb_to_recordset(cast(:batch as jsonb)) as s (trace_id text, span_id text, parent_id text, name text, kind text,
      service text, started_at timestamptz, duration_ms double precision, is_error boolean, attributes jsonb,
      organisation_id text)
    on conflict do nothing
    """
)
_PRUNE = text("delete from app.span where position <= (select max(position) from app.span) - :kept")


async def write(session: AsyncSession, spans: Sequence[Span]) -> None:
    """Keeps spans, and forgets the oldest beyond MOST_KEPT."""
    await session.execute(_INSERT, {"batch": orjson.dumps(spans).decode()})
    await session.execute(_PRUNE, {"kept": MOST_KEPT})


async def trace(session: AsyncSession, trace_id: str) -> list[dict[str, Any]]:
    """The spans of a trace that are kept, by their beginning."""
    sql = text("select * from app.span where trace_id = :trace order by started_at, position limit 1000")
    return [dict(row) for row in (await session.execute(sql, {"trace": trace_id})).mappings()]


class Writer:
    """A task that writes spans for as long as the process lives. `database` is a `nexus.db.Database`; `export` is given
    them instead, if there is one, and closed at the end."""

    def __init__(
        self,
        database: Any,
        export: Exporter | None = None,
        waiting: deque[Span] | None = None,
    ) -> None:
        self._database = database
        self._export = export
        self.waiting: deque[Span] = WAITING if waiting is None else waiting
        self._ending = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="spans")

    async def stop(self) -> None:
        """Writes what waits still, after what is being written: a task that is cancelled would take its spans along."""
        self._ending.set()
        if self._task is not None:
            await self._task
            await self._write()
        if self._export is not None:
            await self._export.close()

    async def _run(self) -> None:
        while not self._ending.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), EVERY)
            await self._write()

    async def _write(self) -> None:
        batch = [self.waiting.popleft() for _ in range(len(self.waiting))]
        if not batch:
            return
        try:
            if self._export is not None:
                await self._export(batch)
            else:
                async with self._database.system() as session:
                    await write(session, batch)
        except Exception as error:  # noqa: BLE001
            # what tells of trouble must not make any: a database that is away or not migrated costs the spans
            _log.warning("spans were not kept: %s", type(error).__name__)
