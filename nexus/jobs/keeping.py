"""Forgetting what jobs leave behind, every night.

Belongs here: how long rows are kept. Does not belong here: anything else that is forgotten by the clock (its own slice).
"""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import text

from nexus.jobs.declare import schedule
from nexus.jobs.work import Work

#: Days for which a job that has ended can be looked at; DBOS's own rows of it tell nothing more.
KEPT, KEPT_BY_DBOS = 30, 1
_BATCH = 500


@schedule("jobs.forget", "0 10 3 * * *")
async def forget(work: Work) -> dict[str, Any]:
    """Removes jobs that succeeded or were cancelled KEPT days ago. What failed stays until somebody has dealt with it."""
    async with work.system() as session:
        done = await session.execute(
            text(
                "delete from app.job where state in ('succeeded', 'cancelled')"
                " and finished_at < now() - make_interval(days => :days)"
            ),
            {"days": KEPT},
        )
    return {"jobs": done.rowcount, "workflows": await _of_dbos(work)}  # type: ignore[attr-defined]


async def _of_dbos(work: Work) -> int:
    from dbos import DBOS

    sql = """
        select workflow_uuid from jobs.workflow_status where status in ('SUCCESS', 'ERROR', 'CANCELLED')
          and updated_at < (extract(epoch from now() - make_interval(days => :days)) * 1000)::bigint
        limit :most
    """
    number = 0
    while True:
        async with work.system() as session:
            found = list(await session.scalars(text(sql), {"days": KEPT_BY_DBOS, "most": _BATCH}))
        if not found:
            return number
        await asyncio.to_thread(DBOS.delete_workflows, found)
        number += len(found)
