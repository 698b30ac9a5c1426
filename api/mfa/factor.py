"""What identity asks of this slice: whether a user needs a second factor, and how else one may sign in.

Belongs here: those answers. Does not belong here: checking a factor (service.py).
"""

from __future__ import annotations

from api.mfa import repository
from nexus.db import Session

#: Ways of signing in without a password: path and words of a link on the page where one signs in.
FIRST = (("/signin/passkey", "Sign in with a passkey"),)
#: Pages about one's own factors, linked from one's account.
ACCOUNT = (("/account/factors", "Second factors and passkeys"),)


async def awaited(session: Session, user_id: str, device_id: str | None) -> str | None:
    """Where the user shows a second factor; None if they have none, or trust this device."""
    if await repository.is_trusted(session, device_id) or not await repository.has_factor(session, user_id):
        return None
    return "/signin/factor"
