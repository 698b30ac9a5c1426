"""Where the operational database stands."""

from __future__ import annotations

from nexus.db import Database


async def revisions(at: Database) -> set[str]:
    return {row["version_num"] for row in await at.asked("select version_num from app.migration")}
