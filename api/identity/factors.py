"""Second factors that slices offer: `api/<domain>/factor.py` with `awaited(session, user_id, device_id) -> str | None`.

Belongs here: asking all of them. Does not belong here: any factor. `awaited` gives the path of the page that asks for it,
or None if that user needs no second factor, or none on that device. A module may also have `FIRST`, links to ways of
signing in without a password, and `ACCOUNT`, links from one's account: pairs of path and words.
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


def links(kind: str) -> list[tuple[str, str]]:
    """Path and words of every link of that kind, `FIRST` or `ACCOUNT`."""
    return [link for module in slices.modules("factor").values() for link in getattr(module, kind, ())]
