"""Schedules: known to DBOS as this release declares them, and beginning an ordinary job each time.

Belongs here: telling DBOS, forgetting what no slice declares any more, the job of one moment. Does not belong here: the
declaration (declare.py).
"""

from __future__ import annotations

import logging
import uuid
from datetime import datetime
from typing import Any

from nexus.db import Database
from nexus.jobs import beginning, declare

WORKFLOW = "nexus.schedule"
_log = logging.getLogger("nexus.jobs")
_MOMENTS = uuid.UUID("8c1f0c6e-6a0e-5d0a-9f6e-0d8b1c1e7a55")


def apply(fire: Any) -> None:
    """Makes DBOS's schedules those of the slices; `fire` is the workflow that they run."""
    from dbos import DBOS

    wanted = {name: job.cron for name, job in declare.jobs().items() if job.cron}
    for known in DBOS.list_schedules():
        if known["schedule_name"] not in wanted:
            DBOS.delete_schedule(known["schedule_name"])
            _log.info("schedule %s is gone: nothing declares it", known["schedule_name"])
    if wanted:
        DBOS.apply_schedules(
            [
                {"schedule_name": name, "workflow_fn": fire, "schedule": cron, "context": name}
                for name, cron in wanted.items()
                if cron
            ]
        )


async def begin(database: Database, name: str, at: datetime | str) -> None:
    """Begins the job of one moment, whoever else does so too."""
    moment = at if isinstance(at, str) else at.isoformat()
    id = f"job_{uuid.uuid5(_MOMENTS, f'{name} {moment}').hex}"
    async with database.system() as session:
        await beginning.begin(session, name, {"at": moment}, by="schedule", id=id)
