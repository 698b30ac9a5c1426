"""`GET /v1/me`: who is asking, and what they may do where. An application shows no more than that."""

from __future__ import annotations

from api.kernel.permissions import catalogue
from api.kernel.principal import Principal
from api.organisations.endpoints.routing import router
from api.organisations.policies import AccessAsker
from api.organisations.schemas.me import MeOut, MyWorkspaceOut
from api.organisations.service.organisation import Organisations


@router.get("/me", summary="Whose credential this is, and what it may do where")
async def me(caller: AccessAsker, organisations: Organisations) -> MeOut:
    """Permissions are those of this credential: a token or key of a user may do less than its user."""
    workspaces = await organisations.workspaces(caller.organisation)
    return MeOut(
        id=caller.id,
        kind=caller.kind,
        organisation_id=caller.organisation,
        permissions=_held(caller, "organisation", None),
        workspaces=[
            MyWorkspaceOut(id=w.id, name=w.name, permissions=_held(caller, "workspace", w.id))
            for w in workspaces
            if w.id in caller.workspaces
        ],
    )


def _held(caller: Principal, scope: str, workspace: str | None) -> list[str]:
    return sorted(p.name for p in catalogue().values() if p.scope == scope and caller.allows(p.name, workspace))
