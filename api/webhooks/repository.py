"""What requests and the consumer ask of the tables. Whose rows there are, row-level security decides.

Belongs here: statements of one tenant. Does not belong here: the worker's (queue.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select, text, update

from api.kernel.pages import Cut, Rows, paged
from api.webhooks.models import Attempt, Delivery, Endpoint, Secret
from api.webhooks.queue import CHANNEL
from nexus.db import Session
from nexus.errors import NotFoundError
from nexus.events.log import Recorded
from nexus.ids import new_id

_WANTING = text(
    """
    select id from app.webhooks_endpoint
    where organisation_id = :organisation and is_enabled and created_at <= :recorded_at
      and (cardinality(workspaces) = 0 or cast(:workspace as text) = any (workspaces))
      and exists (select from unnest(event_types) as wanted
                  where :type like replace(replace(wanted, '_', '\\_'), '*', '%'))
    order by id
    """
)


async def fan_out(session: Session, event: Recorded) -> None:
    """A delivery of `event` for each endpoint of the tenant that wants it and has not got one."""
    values = {
        # row-level security says so too; here a mistake would send one tenant's events to another
        "organisation": event.organisation_id,
        "recorded_at": event.recorded_at,
        "workspace": event.workspace_id,
        "type": event.type,
    }
    wanting = (await session.scalars(_WANTING, values)).all()
    for endpoint in wanting:
        await enqueue(session, endpoint, event.organisation_id, event.id, event.type)


async def enqueue(session: Session, endpoint: str, organisation: str, event: str, type: str) -> str | None:
    """The delivery that this makes; None if the endpoint has one of the event."""
    sql = text(
        "insert into app.webhooks_delivery (id, organisation_id, endpoint_id, event_id, event_type)"
        " values (:id, :organisation, :endpoint, :event, :type) on conflict (endpoint_id, event_id) do nothing returning id"
    )
    values = {"id": new_id("dlv"), "organisation": organisation, "endpoint": endpoint, "event": event, "type": type}
    made: str | None = await session.scalar(sql, values)
    if made:
        await wake(session)
    return made


async def forget(session: Session, organisation: str) -> None:
    """Every endpoint of an organisation, with what hangs on it."""
    await session.execute(
        text("delete from app.webhooks_endpoint where organisation_id = :organisation"), {"organisation": organisation}
    )


async def event_type(session: Session, organisation: str, event: str) -> str | None:
    """Of an event of any workspace: for a session that sees every tenant."""
    sql = text("select type from app.events where id = :id and organisation_id = :organisation")
    found: str | None = await session.scalar(sql, {"id": event, "organisation": organisation})
    return found


async def wake(session: Session) -> None:
    """Lets workers look, once this has committed."""
    await session.execute(text(f"select pg_notify('{CHANNEL}', '')"))


class Repository:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def count(self) -> int:
        return await self._session.scalar(select(func.count()).select_from(Endpoint)) or 0

    async def endpoint(self, id: str, *, to_change: bool = False) -> Endpoint:
        """Raises NotFoundError, also for one of another organisation. `to_change` keeps others from changing it meanwhile."""
        found = await self._session.get(Endpoint, id, with_for_update=to_change or None)
        if found is None:
            raise NotFoundError("there is no such endpoint")
        return found

    async def secrets(self, endpoint: str) -> Sequence[Secret]:
        """Those that sign, newest first."""
        valid = Secret.expires_at.is_(None) | (Secret.expires_at > func.now())
        of = select(Secret).where(Secret.endpoint_id == endpoint, valid)
        return (await self._session.scalars(of.order_by(Secret.created_at.desc()))).all()

    async def add(self, *made: Endpoint | Secret) -> None:
        """In this order."""
        for one in made:
            self._session.add(one)
            await self._session.flush()

    async def remove(self, gone: Endpoint) -> None:
        await self._session.delete(gone)

    async def deliveries(self, cut: Cut, endpoint: str | None, state: str | None, event: str | None) -> Rows[Delivery]:
        """Newest first."""
        found: Select[tuple[Delivery]] = select(Delivery)
        for column, wanted in (
            (Delivery.endpoint_id, endpoint), (Delivery.state, state), (Delivery.event_id, event),
        ):  # fmt: skip
            if wanted is not None:
                found = found.where(column == wanted)
        return await paged(self._session, found, cut, Delivery.created_at, Delivery.id)

    async def delivery(self, id: str, *, to_change: bool = False) -> Delivery:
        """Raises NotFoundError. `to_change` keeps a worker from claiming it meanwhile."""
        found = await self._session.get(Delivery, id, with_for_update=to_change or None)
        if found is None:
            raise NotFoundError("there is no such delivery")
        return found

    async def of_event(self, endpoint: str, event: str) -> Delivery | None:
        of = select(Delivery).where(Delivery.endpoint_id == endpoint, Delivery.event_id == event)
        return (await self._session.scalars(of)).one_or_none()

    async def attempts(self, delivery: str) -> Sequence[Attempt]:
        """The latest hundred, oldest first."""
        of = select(Attempt).where(Attempt.delivery_id == delivery)
        return (
            await self._session.scalars(of.order_by(Attempt.started_at.desc(), Attempt.id.desc()).limit(100))
        ).all()[::-1]

    async def again(
        self, delivery: str | None = None, endpoint: str | None = None, since: datetime | None = None
    ) -> int:
        """Puts a delivery, or those of an endpoint that failed since then, at the beginning of the schedule; how many."""
        changed: dict[str, Any] = {"state": "pending", "step": 0, "next_at": func.now(), "finished_at": None}
        sql = update(Delivery).values(**changed).where(Delivery.lease.is_(None) | (Delivery.next_at <= func.now()))
        if delivery is not None:
            sql = sql.where(Delivery.id == delivery)
        else:
            sql = sql.where(Delivery.endpoint_id == endpoint, Delivery.state == "failed", Delivery.finished_at >= since)
        done = await self._session.execute(sql.execution_options(synchronize_session=False))
        await wake(self._session)
        return int(done.rowcount)  # type: ignore[attr-defined]
