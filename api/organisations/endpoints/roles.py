"""Roles: the built-in ones, and those of the organisation."""

from __future__ import annotations

from fastapi import Response, status

from api.kernel.idempotency import IdempotencyKey
from api.kernel.pages import Page, PageQuery
from api.kernel.preconditions import IfMatch, tag
from api.kernel.reading import Reads
from api.organisations.endpoints.routing import router
from api.organisations.models import Role
from api.organisations.policies import OrganisationReader, RoleManager
from api.organisations.schemas.access import RoleId, RoleIn, RoleOut
from api.organisations.service.custom_roles import Roles, built_in, shown
from api.problems import CHANGED, CREATED


@router.get("/roles", summary="Built-in roles on the first page, then the organisation's own, newest first")
async def list_roles(caller: OrganisationReader, page: PageQuery, reads: Reads) -> Page[RoleOut]:
    found = (await reads.page(Role, page)).page(shown)
    if page.cursor is None:
        found.data[:0] = built_in()
    return found


@router.get("/roles/{role_id}", summary="One role of the organisation")
async def get_role(role_id: RoleId, caller: OrganisationReader, reads: Reads, response: Response) -> RoleOut:
    found = await reads.one(Role, role_id, "role")
    tag(response, found.version)
    return shown(found)


@router.post("/roles", summary="Make a role", status_code=status.HTTP_201_CREATED, responses=CREATED)
async def create_role(
    said: RoleIn, caller: RoleManager, key: IdempotencyKey, roles: Roles, response: Response
) -> RoleOut:
    made = await roles.create(caller, said)
    response.headers["Location"] = f"/v1/roles/{made.id}"
    tag(response, made.version)
    return shown(made)


@router.put("/roles/{role_id}", summary="Change a role", responses=CHANGED)
async def change_role(
    role_id: RoleId, said: RoleIn, caller: RoleManager, seen: IfMatch, roles: Roles, response: Response
) -> RoleOut:
    """Whoever has the role has what it becomes, at once."""
    found = await roles.change(caller, role_id, said, seen)
    tag(response, found.version)
    return shown(found)


@router.delete("/roles/{role_id}", summary="Remove a role", status_code=status.HTTP_204_NO_CONTENT, responses=CHANGED)
async def remove_role(role_id: RoleId, caller: RoleManager, seen: IfMatch, roles: Roles) -> None:
    """Refused while somebody has it."""
    await roles.remove(caller, role_id, seen)
