"""What the worker asks of the tables: what is to be sent now, and noting how it went.

Belongs here: the statements that run as `nexus_system`, over every tenant. Does not belong here: what requests ask
(repository.py), what an outcome means (outcome.py).

A claim is a lease: it pushes `next_at` beyond the longest that sending may take. A worker that dies lets its claims come
due again by themselves; one that was only slow finds that its lease is another's, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from api.webhooks.outcome import Outcome
from nexus.db import Session
from nexus.events.log import COLUMNS, Recorded, recorded
from nexus.ids import new_id

CHANNEL = "nexus_webhooks"
#: How long a claim holds: longer than sending may take, notes included.
LEASE = timedelta(seconds=45)
#: What may be under way at once, of all workers: to one endpoint, for one organisation.
PER_ENDPOINT, PER_ORGANISATION = 4, 24
_BUSY = "from app.webhooks_delivery b where b.lease is not null and b.next_at > now() and b"
#: Endpoints take turns: whoever was served longest ago is first. Rows that another worker is claiming are passed over.
_CLAIM = text(
    f"""
    with ready as (
      select e.id, e.organisation_id, e.claimed_at,
        (select count(*) {_BUSY}.organisation_id = e.organisation_id) as of_organisation,
        (select count(*) {_BUSY}.organisation_id = e.organisation_id and b.endpoint_id = e.id) as of_endpoint
      from app.webhooks_endpoint e
      where e.is_enabled and (e.failing_since is not null) = :failing and exists (
        select from app.webhooks_delivery d
        where d.endpoint_id = e.id and d.state = 'pending' and d.next_at <= now())
    ), turn as (
      select ready.* from app.webhooks_endpoint e join ready on ready.id = e.id
      where ready.of_endpoint < :per_endpoint and ready.of_organisation < :per_organisation
      order by ready.claimed_at nulls first, e.id limit :slots
      for no key update of e skip locked
    ), due as (
      select d.id, d.endpoint_id, d.was_leased, turn.claimed_at,
        turn.of_organisation + row_number() over (
          partition by turn.organisation_id order by d.place, turn.claimed_at nulls first) as place
      from turn cross join lateral (
        select mine.*, row_number() over (order by mine.next_at, mine.id) as place from (
          select d.id, d.endpoint_id, d.next_at, d.lease is not null as was_leased from app.webhooks_delivery d
          where d.endpoint_id = turn.id and d.state = 'pending' and d.next_at <= now()
          order by d.next_at, d.id limit :per_endpoint - turn.of_endpoint
          for update skip locked
        ) mine
      ) d
    ), picked as (
      select * from due where place <= :per_organisation order by place, claimed_at nulls first limit :slots
    ), served as (
      update app.webhooks_endpoint set claimed_at = clock_timestamp() where id in (select endpoint_id from picked)
    )
    update app.webhooks_delivery d
    set lease = :lease, next_at = now() + :held, attempts = attempts + 1, step = step + 1
    from picked where d.id = picked.id
    returning d.id, picked.was_leased
    """
)
_OF_EVENT = ", ".join(f"v.{column.strip()}" for column in COLUMNS.split(","))
_LOADED = text(
    f"""
    select d.id as delivery_id, d.organisation_id as owner, d.endpoint_id, d.event_id, d.attempts, d.step, e.url,
      (select coalesce(json_agg(json_build_array(s.id, encode(s.sealed, 'hex')) order by s.created_at desc), '[]')
       from app.webhooks_secret s
       where s.endpoint_id = e.id and (s.expires_at is null or s.expires_at > now())) as secrets,
      {_OF_EVENT}
    from app.webhooks_delivery d join app.webhooks_endpoint e on e.id = d.endpoint_id
      left join app.events v on v.id = d.event_id and v.organisation_id = d.organisation_id
    where d.id = any (:ids) order by d.created_at, d.id
    """
)
_LOST = "the worker that was sending this ended before it knew; it is sent again"
_ATTEMPT = text(
    """
    insert into app.webhooks_attempt (id, organisation_id, delivery_id, number, started_at, duration_ms, status, error, response)
    values (:id, :organisation, :delivery, :number, :started_at, :duration_ms, :status, :error, :response)
    """
)


@dataclass(frozen=True, slots=True)
class Claimed:
    """One delivery that this worker is to send. `secrets` are (id, sealed), newest first; `event` is None if the log keeps
    it no more. `step` counts attempts since the beginning of the schedule, this one included."""

    id: str
    organisation: str
    endpoint: str
    url: str
    number: int
    step: int
    lease: str
    secrets: Sequence[tuple[str, bytes]]
    event: Recorded | None


async def claim(session: Session, slots: int, *, failing: bool) -> list[Claimed]:
    """At most `slots` deliveries that are due, of endpoints that are `failing` or of the others."""
    lease = new_id("lease")
    values = {"slots": slots, "failing": failing, "lease": lease, "held": LEASE}
    limits = {"per_endpoint": PER_ENDPOINT, "per_organisation": PER_ORGANISATION}
    rows = (await session.execute(_CLAIM, {**values, **limits})).all()
    if not rows:
        return []
    was_leased = {row.id: row.was_leased for row in rows}
    found = [_claimed(row, lease) for row in (await session.execute(_LOADED, {"ids": list(was_leased)})).mappings()]
    for lost in (claimed for claimed in found if was_leased[claimed.id]):
        await _attempt(session, lost, lost.number - 1, Outcome(started_at=await _now(session), error=_LOST))
    return found


def _claimed(row: Mapping[Any, Any], lease: str) -> Claimed:
    own = ("delivery_id", "owner", "endpoint_id", "event_id", "attempts", "step", "url", "secrets")
    event = {name: value for name, value in row.items() if name not in own}
    return Claimed(
        id=row["delivery_id"],
        organisation=row["owner"],
        endpoint=row["endpoint_id"],
        url=row["url"],
        number=row["attempts"],
        step=row["step"],
        lease=lease,
        secrets=[(id, bytes.fromhex(sealed)) for id, sealed in row["secrets"]],
        event=recorded(event) if row["id"] is not None else None,
    )


async def _now(session: Session) -> datetime:
    found: datetime = (await session.execute(text("select clock_timestamp()"))).scalar_one()
    return found


async def _attempt(session: Session, claimed: Claimed, number: int, outcome: Outcome) -> None:
    values = {
        "id": new_id("wat"),
        "organisation": claimed.organisation,
        "delivery": claimed.id,
        "number": number,
        "started_at": outcome.started_at,
        "duration_ms": outcome.duration_ms,
        "status": outcome.status,
        "error": outcome.error,
        "response": outcome.response,
    }
    await session.execute(_ATTEMPT, values)


@dataclass(frozen=True, slots=True)
class Health:
    """An endpoint after a failure."""

    failing_since: datetime
    failures: int
    now: datetime


async def succeeded(session: Session, claimed: Claimed, outcome: Outcome) -> None:
    """It was taken: nothing is to be sent again, and the endpoint is well."""
    # the endpoint first, here and below: whoever removes it locks it before what hangs on it
    well = text(
        "update app.webhooks_endpoint set failing_since = null, failures = 0, succeeded_at = now() where id = :id"
        " and (failing_since is not null or succeeded_at is null or succeeded_at < now() - interval '10 seconds')"
    )
    await session.execute(well, {"id": claimed.endpoint})
    if await _ended(session, claimed, "delivered", None):
        await _attempt(session, claimed, claimed.number, outcome)


async def failed(session: Session, claimed: Claimed, outcome: Outcome, pause: timedelta | None) -> Health | None:
    """It is sent again after `pause`, or given up. The endpoint's health; None if there is none or it is another's now."""
    await session.execute(
        text("select from app.webhooks_endpoint where id = :id for no key update"), {"id": claimed.endpoint}
    )
    if not await _ended(session, claimed, "failed" if pause is None else "pending", pause):
        return None
    await _attempt(session, claimed, claimed.number, outcome)
    unwell = text(
        "update app.webhooks_endpoint set failing_since = coalesce(failing_since, now()), failures = failures + 1"
        " where id = :id returning failing_since, failures, now()"
    )
    return Health(*(await session.execute(unwell, {"id": claimed.endpoint})).one())


async def given_up(session: Session, claimed: Claimed, outcome: Outcome) -> None:
    """It cannot be sent, for a reason that is ours: the receiver was not asked, and its endpoint is as well as before."""
    if await _ended(session, claimed, "failed", None):
        await _attempt(session, claimed, claimed.number, outcome)


async def disable(session: Session, claimed: Claimed, because: str) -> bool:
    """Switches the endpoint off; whether it was on."""
    sql = text(
        "update app.webhooks_endpoint set is_enabled = false, disabled_because = :because, disabled_at = now(),"
        " updated_at = now(), version = version + 1 where id = :id and is_enabled"
    )
    done = await session.execute(sql, {"id": claimed.endpoint, "because": because})
    return bool(done.rowcount)  # type: ignore[attr-defined]


async def give_back(session: Session, claimed: Claimed, pause: timedelta) -> None:
    """It was not sent, for a reason that is ours: the attempt does not count."""
    sql = text(
        "update app.webhooks_delivery set lease = null, next_at = now() + :pause, attempts = attempts - 1, step = step - 1"
        " where id = :id and lease = :lease"
    )
    await session.execute(sql, {"id": claimed.id, "lease": claimed.lease, "pause": pause})


async def _ended(session: Session, claimed: Claimed, state: str, pause: timedelta | None) -> bool:
    sql = text(
        "update app.webhooks_delivery set lease = null, state = :state, next_at = now() + cast(:pause as interval),"
        " finished_at = case when :state <> 'pending' then now() end where id = :id and lease = :lease"
    )
    values = {"id": claimed.id, "lease": claimed.lease, "state": state, "pause": pause}
    return bool((await session.execute(sql, values)).rowcount)  # type: ignore[attr-defined]
