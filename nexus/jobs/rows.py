"""The table of jobs: one row for each, from the transaction that wants it to what came of it.

Belongs here: the statements on `app.job`. Does not belong here: when they are made.

    pending ──▶ running ──▶ succeeded | failed
                 │   ▲
                 ▼   │
                waiting          between two attempts; like pending, cancelled at once when that is asked for

A row that becomes `pending` or `waiting` is put into DBOS's queue by a trigger, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from nexus.db.changes import noted
from nexus.errors import ConflictError, NotFoundError
from nexus.tenancy import Tenant

STATES = ("pending", "running", "waiting", "succeeded", "failed", "cancelled")
_NOTED = ("job", ("id",), ("name", "state", "is_cancel_requested", "failures", "deaths"))
ENDED = frozenset({"succeeded", "failed", "cancelled"})
_COLUMNS = (
    "id, name, organisation_id, workspace_id, arguments, state, attempts, failures, deaths, note, result, error, "
    "is_cancel_requested, operation_id, created_by, traceparent, correlation_id, causation_id, next_at, created_at, "
    "started_at, finished_at"
)


@dataclass(frozen=True, slots=True)
class Row:
    """A job as it is. `attempts` were begun; of them `failures` ended with an error, in `deaths` the worker died."""

    id: str
    name: str
    organisation_id: str | None
    workspace_id: str | None
    arguments: dict[str, Any]
    state: str
    attempts: int
    failures: int
    deaths: int
    note: str | None
    result: dict[str, Any] | None
    error: str | None
    is_cancel_requested: bool
    operation_id: str | None
    created_by: str
    traceparent: str | None
    correlation_id: str | None
    causation_id: str | None
    next_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def tenant(self) -> Tenant | None:
        return Tenant(self.organisation_id, self.workspace_id) if self.organisation_id else None


async def add(session: AsyncSession, values: Mapping[str, Any]) -> bool:
    """Writes a new row; False if there is one of that id."""
    sql = """
        insert into app.job (id, name, organisation_id, workspace_id, arguments, operation_id, share, created_by,
          traceparent, correlation_id, causation_id)
        values (:id, :name, :organisation_id, :workspace_id, cast(:arguments as jsonb), :operation_id, :share,
          :created_by, :traceparent, :correlation_id, :causation_id)
        on conflict (id) do nothing
    """
    arguments = orjson.dumps(values["arguments"]).decode()
    done = await session.execute(text(sql), {**values, "arguments": arguments})
    return bool(done.rowcount)  # type: ignore[attr-defined]


async def get(session: AsyncSession, id: str, *, to_change: bool = False) -> Row:
    """Raises NotFoundError, also for one of another tenant."""
    if (row := await find(session, id, to_change=to_change)) is None:
        raise NotFoundError(f"there is no job {id!r}", remedy="`nexus jobs list` shows them")
    return row


async def find(session: AsyncSession, id: str, *, to_change: bool = False) -> Row | None:
    """None for one that is not there, or was forgotten (keeping.py)."""
    sql = f"select {_COLUMNS} from app.job where id = :id{' for update' if to_change else ''}"
    row = (await session.execute(text(sql), {"id": id})).mappings().first()
    return None if row is None else Row(**row)


async def newest(
    session: AsyncSession, *, states: Sequence[str] = (), name: str | None = None, limit: int = 50
) -> list[Row]:
    """Newest first."""
    sql = f"""
        select {_COLUMNS} from app.job
        where (cast(:states as text[]) is null or state = any (:states)) and (cast(:name as text) is null or name = :name)
        order by created_at desc, id desc limit :most
    """
    values = {"states": list(states) or None, "name": name, "most": limit}
    return [Row(**row) for row in (await session.execute(text(sql), values)).mappings()]


async def change(session: AsyncSession, id: str, **values: Any) -> None:
    """Sets columns of a row; a `timedelta` for `next_at` counts from now."""
    pause = values.pop("next_at", None)
    sets = [f"{name} = :{name}" if name != "result" else "result = cast(:result as jsonb)" for name in values]
    if isinstance(pause, timedelta):
        sets.append("next_at = clock_timestamp() + :pause")
        values["pause"] = pause
    if values.get("state") in ENDED:
        sets.append("finished_at = clock_timestamp()")
    if "result" in values:
        values["result"] = orjson.dumps(values["result"]).decode() if values["result"] is not None else None
    sql = f"update app.job set {', '.join(sets)}, updated_at = clock_timestamp() where id = :id"
    await session.execute(text(sql), {**values, "id": id})


async def start(session: AsyncSession, id: str, deaths: int) -> None:
    """Notes that an attempt begins."""
    sql = """
        update app.job set state = 'running', attempts = attempts + 1, deaths = :deaths, updated_at = clock_timestamp(),
          started_at = coalesce(started_at, clock_timestamp()), next_at = null
        where id = :id
    """
    await session.execute(text(sql), {"id": id, "deaths": deaths})


async def cancel(session: AsyncSession, id: str) -> Row:
    """Asks a job to stop; one that does not run is cancelled at once. Raises NotFoundError; ConflictError if it has ended."""
    row = await get(session, id, to_change=True)
    if row.state in ENDED:
        raise ConflictError(f"job {id} has {row.state} already")
    ends = {} if row.state == "running" else {"state": "cancelled"}
    async with noted(session, *_NOTED, "id = :id", {"id": id}):
        await change(session, id, is_cancel_requested=True, **ends)
    return await get(session, id)


async def retry(session: AsyncSession, id: str) -> Row:
    """Lets a job that failed or was cancelled begin again. Raises NotFoundError; ConflictError if there is nothing to mend."""
    row = await get(session, id, to_change=True)
    if row.state not in {"failed", "cancelled"}:
        raise ConflictError(f"job {id} is {row.state}: there is nothing to begin again")
    async with noted(session, *_NOTED, "id = :id", {"id": id}):
        await change(
            session, id, state="waiting", failures=0, deaths=0, is_cancel_requested=False, finished_at=None,
            error=None, next_at=timedelta(0),
        )  # fmt: skip
    return await get(session, id)


@dataclass(frozen=True, slots=True)
class Depth:
    """How many jobs of a name are in a state that has not ended or failed, and since when the oldest waits to begin."""

    name: str
    state: str
    number: int
    oldest: datetime | None


async def depths(session: AsyncSession) -> list[Depth]:
    sql = """
        select name, state, count(*), min(coalesce(next_at, created_at)) from app.job
        where state in ('pending', 'running', 'waiting', 'failed') group by 1, 2
    """
    return [Depth(*row) for row in await session.execute(text(sql))]
