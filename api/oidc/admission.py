"""What an organisation asks of a sign-in, asked again of grants that were given before it asked.

Belongs here: that question. Does not belong here: what an organisation can ask for (api/organisations), whether a grant lives
(repository/grants.py): one that is not admitted works again once its organisation asks no more.
"""

from __future__ import annotations

from collections.abc import Iterable

from api.oidc.models import Grant
from api.organisations import access
from nexus.db import Session

_ASKED = {"mfa": "a second factor", "sso": "single sign-on", "other": "another sign-in"}


async def objection(session: Session, user_id: str, organisation: str, methods: Iterable[str]) -> str | None:
    """Why a sign-in by these methods opens the organisation no more; None if it does."""
    mine = await access.organisations_of(session, user_id)
    here = next((b for b in mine if b.organisation_id == organisation), None)
    if here is None:
        return None
    shown = frozenset(methods)
    # a grant is given for the organisation whose provider has vouched, and for no other
    lacking = access.admits(here, shown, organisation if "sso" in shown else None)
    return None if lacking == "yes" else f"its organisation asks for {_ASKED[lacking]}"


async def to_grant(session: Session, grant: Grant) -> str | None:
    """The same of a grant; applications in their own name are asked for nothing."""
    if grant.user_id is None:
        return None
    return await objection(session, grant.user_id, grant.organisation_id, grant.methods)
