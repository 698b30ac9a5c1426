"""A request as an act: who does what, from where, and the reason that they give.

Belongs here: reading it from the request. Does not belong here: keeping it (api/audit).
"""

from __future__ import annotations

from fastapi import Request

from api.kernel.permissions import Permission
from api.kernel.principal import Principal
from nexus.db.acts import Act

SAFE = {"GET", "HEAD", "OPTIONS"}
#: Why somebody does what they do, in their own words.
REASON = "X-Nexus-Reason"
LONGEST = 500


def asked(request: Request) -> Act | None:
    """The act of a request that may change something by an administrative permission; None for any other."""
    permission: Permission | None = getattr(request.state, "permission", None)
    if request.method in SAFE or permission is None or not permission.is_administrative:
        return None
    principal: Principal = request.state.principal
    person = principal.claims.get("user_id") or (principal.id if principal.kind == "user" else None)
    said = "".join(c for c in request.headers.get(REASON, "") if c.isprintable()).strip()[:LONGEST]
    return Act(
        organisation=principal.organisation,
        actor_kind=principal.kind,
        actor_id=principal.id,
        person=person,
        action=f"{request.method} {request.scope['route'].path}",
        permission=permission.name,
        target=request.url.path,
        address=request.client.host if request.client else None,
        reason=said or None,
    )
