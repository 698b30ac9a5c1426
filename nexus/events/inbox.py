"""What has come in already: a message that comes twice has its effect once.

Belongs here: remembering ids of messages in the transaction of their effect. Does not belong here: whose they are; a
consumer of the log has its own name, a receiver of webhooks `<provider>.<connection>`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_ACCEPT = text(
    "insert into app.inbox (consumer, message_id) select :consumer, unnest(cast(:ids as text[]))"
    " on conflict do nothing returning message_id"
)


async def accept(session: AsyncSession, consumer: str, ids: Sequence[str]) -> set[str]:
    """Those of `ids` that come for the first time. Waits for another transaction that is accepting the same one."""
    if not ids:
        return set()
    # in one order, so that two who accept the same messages never wait for each other
    return set(await session.scalars(_ACCEPT, {"consumer": consumer, "ids": sorted(ids)}))


async def give_back(session: AsyncSession, consumer: str, ids: Sequence[str]) -> None:
    """Makes as if they had not come: for what a transaction has accepted and will not get to."""
    sql = text("delete from app.inbox where consumer = :consumer and message_id = any (:ids)")
    await session.execute(sql, {"consumer": consumer, "ids": list(ids)})


async def prune(session: AsyncSession, kept: timedelta) -> int:
    """Forgets what is older; how many."""
    done = await session.execute(
        text("delete from app.inbox where received_at < now() - cast(:kept as interval)"), {"kept": kept}
    )
    return int(done.rowcount)  # type: ignore[attr-defined]
