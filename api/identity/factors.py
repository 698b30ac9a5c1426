"""Second factors that slices offer: `api/<domain>/factor.py`.

Belongs here: asking all of them. Does not belong here: any factor. `awaited(session, user_id, device_id, realm, is_wanted)`
gives the path of the page that asks for it, or None if that user needs no second factor, or none on that device; `realm` is
the organisation whose provider has vouched for them; whoever has a factor shows it in any case where it `is_wanted`.
`vouched(session, user_id, device_id)` gives methods for which the device stands. A module may also have `FIRST`, links to
ways of signing in without a password, and `ACCOUNT`, links from one's account: pairs of path and words.
"""

from __future__ import annotations

from nexus import slices
from nexus.db import Session


async def awaited(
    session: Session, user_id: str, device_id: str | None, realm: str | None = None, *, is_wanted: bool = False
) -> str | None:
    """Where the user shows a second factor; None if none is needed."""
    for module in slices.modules("factor").values():
        path: str | None = await module.awaited(session, user_id, device_id, realm, is_wanted=is_wanted)
        if path:
            return path
    return None


async def vouched(session: Session, user_id: str, device_id: str | None) -> frozenset[str]:
    """Methods of signing in for which this device stands, since its user has shown them there before."""
    found = [await module.vouched(session, user_id, device_id) for module in slices.modules("factor").values()]
    return frozenset().union(*found)


def links(kind: str) -> list[tuple[str, str]]:
    """Path and words of every link of that kind, `FIRST` or `ACCOUNT`."""
    return [link for module in slices.modules("factor").values() for link in getattr(module, kind, ())]
