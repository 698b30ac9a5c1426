"""What webhooks leave behind, forgotten by the clock."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import text

from nexus.db import Session
from nexus.jobs import Work, schedule
from nexus.settings import get_settings

#: Deliveries of one transaction; their attempts go with them.
BATCH = 5_000


@schedule("webhooks.forget", "0 50 * * * *")
async def forget(work: Work) -> dict[str, Any]:
    """What ended, or waits for an endpoint that is switched off, longer ago than NEXUS_WEBHOOK_LOG_KEPT."""
    kept, deliveries = get_settings().webhook_log_kept, 0
    while True:
        async with work.system() as session:
            gone = await prune(session, kept)
        deliveries += gone
        if gone < BATCH:
            return {"deliveries": deliveries}


async def prune(session: Session, kept: timedelta, most: int = BATCH) -> int:
    """How many deliveries of every tenant were forgotten, and secrets that signed until then."""
    deliveries = await session.execute(
        text(
            "delete from app.webhooks_delivery where id in (select id from app.webhooks_delivery"
            " where coalesce(finished_at, next_at) < now() - cast(:kept as interval) and created_at < now() -"
            " cast(:kept as interval) order by created_at limit :most for update skip locked)"
        ),
        {"kept": kept, "most": most},
    )
    await session.execute(
        text("delete from app.webhooks_secret where expires_at < now() - cast(:kept as interval)"), {"kept": kept}
    )
    return int(deliveries.rowcount)  # type: ignore[attr-defined]
