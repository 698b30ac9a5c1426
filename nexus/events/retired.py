"""Consumers that no code declares any more: their place in the log is kept, and keeps old events from being forgotten.

Belongs here: telling which they are, forgetting one. Does not belong here: those that are declared (consumer.py).
"""

from __future__ import annotations

from sqlalchemy import text

from nexus.db.changes import noted
from nexus.db.session import Session
from nexus.errors import ConflictError, NotFoundError
from nexus.events import letters
from nexus.events.consumer import LAKE, is_known
from nexus.events.offsets import Progress, progress


async def forget(session: Session, name: str) -> Progress:
    """Removes the place of a retired consumer with its letters; what it was. Should it be declared again, it begins anew.

    Raises NotFoundError; ConflictError for one that is declared here, or that a worker of an older Nexus works on.
    """
    if is_known(name):
        what = "the lake reads the log" if name == LAKE else f"consumer {name!r} is declared"
        raise ConflictError(f"{what}: it would miss what it has not passed", remedy=f"nexus events pause {name}")
    found = next((p for p in await progress(session) if p.name == name), None)
    if found is None:
        raise NotFoundError(f"no consumer {name!r} has ever read the log", remedy="nexus events consumers")
    values = {"name": name}
    # the relay's own lock (relay.py): whoever has it would begin anew, and do everything twice
    free = text("select pg_try_advisory_xact_lock(hashtextextended('consumer ' || :name, 7305))")
    if not await session.scalar(free, values):
        raise ConflictError(
            f"a worker still works on {name!r}", remedy="stop the workers that run an older Nexus first"
        )
    places = noted(session, "consumer", ["name"], ["position", "delivered", "is_paused"], "name = :name", values)
    async with places, noted(session, *letters.NOTED, "consumer = :name", values):
        await session.execute(text("delete from app.delivery where consumer = :name"), values)
        await session.execute(text("delete from app.consumer where name = :name"), values)
    return found
