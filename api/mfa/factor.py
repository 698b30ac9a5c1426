"""What identity asks of this slice: whether a user needs a second factor, and how else one may sign in.

Belongs here: those answers. Does not belong here: checking a factor (service.py).
"""

from __future__ import annotations

from api.mfa import repository
from api.organisations import access
from nexus.db import Session

#: Ways of signing in without a password: path and words of a link on the page where one signs in.
FIRST = (("/signin/passkey", "Sign in with a passkey"),)
#: Pages about one's own factors, linked from one's account.
ACCOUNT = (("/account/factors", "Second factors and passkeys"),)


async def awaited(
    session: Session, user_id: str, device_id: str | None, realm: str | None = None, *, is_wanted: bool = False
) -> str | None:
    """Where the user shows a second factor, or gets their first; None if none is needed here.

    Whoever has one shows it after a password. For whom an organisation's provider vouches, that organisation alone says
    whether they need one. Whoever has one shows it in any case where it `is_wanted`.
    """
    if not is_wanted and await repository.is_trusted(session, device_id):
        return None
    has_factor = await repository.has_factor(session, user_id)
    if has_factor and (is_wanted or realm is None):
        return "/signin/factor"
    if not await is_demanded(session, user_id, realm):
        return None
    return "/signin/factor" if has_factor else "/signin/enrol"


async def vouched(session: Session, user_id: str, device_id: str | None) -> frozenset[str]:
    """`remembered`, where the user has said that this browser is theirs: it is no second factor, but an organisation takes it."""
    trusted = await repository.is_trusted(session, device_id) and await repository.has_factor(session, user_id)
    return frozenset({"remembered"}) if trusted else frozenset()


async def is_demanded(session: Session, user_id: str, realm: str | None = None) -> bool:
    """Whether an organisation of the user (`realm`, or any) lets nobody in without one."""
    mine = await access.organisations_of(session, user_id)
    return any(b.is_mfa_required for b in mine if realm in (None, b.organisation_id))
