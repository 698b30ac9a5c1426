"""Forgetting: old events that every reader has passed, ids of messages that have come in, answers kept by key.

Belongs here: what of the kernel's is kept for how long. Does not belong here: what a slice keeps (its own `jobs.py`).

An event goes once it is older than NEXUS_EVENTS_KEPT, every consumer has passed it, and the lake has landed it: there it
stays. One that waits in a consumer's letters stays too. The rule is in the database (kernel_0007): nobody may delete
events but that one function.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from nexus.db import Session
from nexus.events import inbox
from nexus.events.consumer import LAKE
from nexus.jobs.declare import schedule
from nexus.jobs.work import Work
from nexus.settings import Settings, get_settings

#: Events of one transaction.
BATCH = 5_000
#: Answers kept by Idempotency-Key are given for a day; later they are of no use.
KEYS_KEPT = timedelta(days=2)
Transaction = Callable[[], AbstractAsyncContextManager[Session]]
_log = logging.getLogger("nexus.events")


@schedule("events.forget", "0 40 * * * *")
async def forget(work: Work) -> dict[str, Any]:
    return await prune(work.system, get_settings())


async def prune(transaction: Transaction, settings: Settings) -> dict[str, int]:
    """How many of each were forgotten. `transaction` makes one over every tenant."""
    gone = 0
    while True:
        async with transaction() as session:
            sql = text("select app.prune_events(now() - cast(:kept as interval), array[cast(:lake as text)], :most)")
            values = {"kept": settings.events_kept, "lake": LAKE, "most": BATCH}
            found = int(await session.scalar(sql, values) or 0)
        gone += found
        if found < BATCH:
            break
    async with transaction() as session:
        messages = await inbox.prune(session, settings.inbox_kept)
        keys = await session.execute(
            text("delete from app.idempotency_key where created_at < now() - cast(:kept as interval)"),
            {"kept": KEYS_KEPT},
        )
        held = await session.scalar(_HELD, {"kept": settings.events_kept})
    if held:
        _log.warning("old events are kept, because %s has not passed them", held)
    return {"events": gone, "messages": messages, "keys": int(keys.rowcount)}  # type: ignore[attr-defined]


#: Who keeps events that are old enough to go; null if nobody does.
_HELD = text(
    """
    select coalesce(
      (select c.name from app.consumer c
       where exists (select from app.events e where e.recorded_at < now() - cast(:kept as interval)
                     and (e.generation, e.xid, e.position) > (c.generation, c.xid, c.position))
       order by c.generation, c.xid, c.position limit 1),
      (select 'the lake, which has never drained the log,' where not exists (select from app.consumer where name = 'lake')
       and exists (select from app.events e where e.recorded_at < now() - cast(:kept as interval))))
    """
)
