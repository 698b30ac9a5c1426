"""The organisation itself, its workspaces, and the catalogue of permissions."""

from __future__ import annotations

from fastapi import Response, status

from api.kernel.idempotency import IdempotencyKey
from api.kernel.permissions import catalogue
from api.kernel.preconditions import IfMatch, tag
from api.organisations import roles
from api.organisations.endpoints.routing import router
from api.organisations.policies import OrganisationReader, SettingsWriter, WorkspaceMaker
from api.organisations.schemas.organisation import (
    OrganisationIn,
    OrganisationOut,
    PermissionOut,
    WorkspaceId,
    WorkspaceIn,
    WorkspaceNameIn,
    WorkspaceOut,
)  # fmt: skip
from api.organisations.service.organisation import Organisations
from api.problems import CHANGED, CREATED


@router.get("/organisation", summary="The organisation of the credential")
async def get_organisation(
    caller: OrganisationReader, organisations: Organisations, response: Response
) -> OrganisationOut:
    found = await organisations.get(caller.organisation)
    tag(response, found.version)
    return found


@router.put("/organisation", summary="Rename it, or ask for single sign-on", responses=CHANGED)
async def change_organisation(
    said: OrganisationIn, caller: SettingsWriter, seen: IfMatch, organisations: Organisations, response: Response
) -> OrganisationOut:
    """Asking for single sign-on needs a proved domain, and an owner who may break glass."""
    found = await organisations.change(caller, said, seen)
    tag(response, found.version)
    return found


@router.get("/workspaces", summary="The organisation's workspaces, by name")
async def list_workspaces(caller: OrganisationReader, organisations: Organisations) -> list[WorkspaceOut]:
    return [WorkspaceOut.model_validate(w) for w in await organisations.workspaces(caller.organisation)]


@router.post("/workspaces", summary="Make a workspace", status_code=status.HTTP_201_CREATED, responses=CREATED)
async def create_workspace(
    said: WorkspaceIn, caller: WorkspaceMaker, key: IdempotencyKey, organisations: Organisations, response: Response
) -> WorkspaceOut:
    made = await organisations.create_workspace(caller, said)
    tag(response, made.version)
    return WorkspaceOut.model_validate(made)


@router.put("/workspaces/{workspace_id}", summary="Rename a workspace", responses=CHANGED)
async def rename_workspace(
    workspace_id: WorkspaceId, said: WorkspaceNameIn, caller: WorkspaceMaker, seen: IfMatch,
    organisations: Organisations, response: Response,
) -> WorkspaceOut:  # fmt: skip
    found = await organisations.rename_workspace(caller, workspace_id, said.name, seen)
    tag(response, found.version)
    return WorkspaceOut.model_validate(found)


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
