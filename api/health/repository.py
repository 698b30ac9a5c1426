"""Where the operational database stands."""

from __future__ import annotations

from sqlalchemy import text

from nexus.db import Session


async def revisions(session: Session) -> set[str]:
    return set(await session.scalars(text("select version_num from app.migration")))
