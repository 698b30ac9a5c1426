"""Second factors that slices offer: `api/<domain>/factor.py` with `awaited(session, user_id, device_id) -> str | None`.

Belongs here: asking all of them. Does not belong here: any factor. `awaited` gives the path of the page that asks for it,
or None if that user needs no second factor, or none on that device.
"""

from __future__ import annotations

from nexus import slices
from nexus.db import Session


async def awaited(session: Session, user_id: str, device_id: str | None) -> str | None:
    """Where the user shows a second factor; None if none is needed."""
    for module in slices.modules("factor").values():
        path: str | None = await module.awaited(session, user_id, device_id)
        if path:
            return path
    return None
