"""Handing events to one consumer: effects, inbox and progress in one transaction.

Belongs here: the transaction. Does not belong here: which events, when, and what becomes of a failure.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy import text

from nexus.db import roles
from nexus.db.engine import Database
from nexus.db.session import Session
from nexus.events import inbox
from nexus.events.consumer import Consumer, Delivery
from nexus.events.log import Recorded
from nexus.telemetry import context, spans
from nexus.tenancy import Tenant

#: Given how many events, from the first, the transaction has dealt with.
Also = Callable[[Session, int], Awaitable[None]]
#: Seconds after which a transaction takes no further event: while it is open, nobody is given what was recorded after it began.
LONG = 2.0


async def deliver(
    database: Database,
    consumer: Consumer,
    events: Sequence[Recorded],
    also: Also | None = None,
    *,
    begins: Callable[[Recorded], None] = lambda _: None,
    is_replay: bool = False,
) -> int:
    """Everything or nothing; how many of `events`, from the first, were dealt with: what takes long ends before the last.
    `begins` is told of each event as its turn comes.

    Its function runs as `nexus_api` for the tenant of each event, unless it says `every_tenant`; `also` (progress) runs as
    `nexus_system` before the commit. A replay asks no inbox. Raises whatever the function raises.
    """
    done, began = 0, time.monotonic()
    async with database.system() as session:
        ids = [event.id for event in events]
        fresh = set(ids) if is_replay else await inbox.accept(session, consumer.name, ids)
        if not consumer.every_tenant:
            await session.execute(text(f"set local role {roles.API}"))
        for event in events:
            if done and time.monotonic() - began > LONG:
                break
            if event.id in fresh:
                begins(event)
                await _handle(session, consumer, event, is_replay)
            done += 1
        await session.execute(text(f"set local role {roles.SYSTEM}"))
        if fresh.intersection(left := ids[done:]) and not is_replay:
            await inbox.give_back(session, consumer.name, sorted(fresh.intersection(left)))
        if also is not None:
            await also(session, done)
    return done


async def _handle(session: Session, consumer: Consumer, event: Recorded, is_replay: bool) -> None:
    tenant = Tenant(event.organisation_id, event.workspace_id)
    if session.tenant != tenant:
        session.expunge_all()
        await session.act_for(tenant)
    begun = context.begin(event.traceparent, correlation=event.correlation_id, causation=event.id)
    begun.organisation, begun.workspace = tenant.organisation, tenant.workspace
    token = context.set_current(begun)
    try:
        with spans.span(f"consume {consumer.name}", "consumer", "worker", {"event.type": event.type}):
            async with asyncio.timeout(consumer.timeout.total_seconds()):
                await consumer.handle(Delivery(event, session, is_replay))
            # here, not at the commit: the next event may be of another tenant
            await session.publish()
    finally:
        context.reset(token)
