"""The organisation itself, its workspaces, and the catalogue of permissions."""

from __future__ import annotations

from fastapi import Response

from api.kernel.permissions import catalogue
from api.kernel.preconditions import tag
from api.organisations import roles
from api.organisations.endpoints.routing import router
from api.organisations.policies import OrganisationReader
from api.organisations.schemas.organisation import OrganisationOut, PermissionOut, WorkspaceOut
from api.organisations.service.organisation import Organisations


@router.get("/organisation", summary="The organisation of the credential")
async def get_organisation(
    caller: OrganisationReader, organisations: Organisations, response: Response
) -> OrganisationOut:
    found = await organisations.get(caller.organisation)
    tag(response, found.version)
    return found


@router.get("/workspaces", summary="The organisation's workspaces, by name")
async def list_workspaces(caller: OrganisationReader, organisations: Organisations) -> list[WorkspaceOut]:
    return [WorkspaceOut.model_validate(w) for w in await organisations.workspaces(caller.organisation)]


@router.get("/permissions", summary="Everything that one may be allowed to do, by name")
async def list_permissions(caller: OrganisationReader) -> list[PermissionOut]:
    return [
        PermissionOut(
            name=p.name,
            description=p.description,
            scope=p.scope,
            roles=[r for r in roles.BUILT_IN if r == roles.OWNER or p.name in roles.permissions(r)],
        )
        for p in catalogue().values()
    ]
