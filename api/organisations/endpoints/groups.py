"""Groups: members who have the same roles."""

from __future__ import annotations

from fastapi import Response, status

from api.kernel.idempotency import IdempotencyKey
from api.kernel.pages import Page, PageQuery
from api.kernel.preconditions import IfMatch, tag
from api.organisations.endpoints.routing import router
from api.organisations.models import Group
from api.organisations.policies import GroupManager, OrganisationReader
from api.organisations.schemas.access import GroupId, GroupIn, GroupOut, MembersIn, RolesIn
from api.organisations.service.groups import Groups
from api.problems import CHANGED, CREATED


@router.get("/groups", summary="The organisation's groups, newest first")
async def list_groups(caller: OrganisationReader, page: PageQuery, groups: Groups) -> Page[GroupOut]:
    found = await groups.rows.page(Group, page)
    data = [await groups.shown(row) for row in found.rows]
    return Page(data=data, next_cursor=found.next_cursor, has_more=found.next_cursor is not None)


@router.get("/groups/{group_id}", summary="One group")
async def get_group(group_id: GroupId, caller: OrganisationReader, groups: Groups, response: Response) -> GroupOut:
    found = await groups.rows.get(Group, group_id)
    tag(response, found.version)
    return await groups.shown(found)


@router.post("/groups", summary="Make a group", status_code=status.HTTP_201_CREATED, responses=CREATED)
async def create_group(
    said: GroupIn, caller: GroupManager, key: IdempotencyKey, groups: Groups, response: Response
) -> GroupOut:
    made = await groups.create(caller, said)
    response.headers["Location"] = f"/v1/groups/{made.id}"
    tag(response, made.version)
    return await groups.shown(made)


@router.put("/groups/{group_id}", summary="Change a group", responses=CHANGED)
async def change_group(
    group_id: GroupId, said: GroupIn, caller: GroupManager, seen: IfMatch, groups: Groups, response: Response
) -> GroupOut:
    found = await groups.change(caller, group_id, said, seen)
    tag(response, found.version)
    return await groups.shown(found)


@router.put("/groups/{group_id}/members", summary="Say who is in a group", responses=CHANGED)
async def set_group_members(
    group_id: GroupId, said: MembersIn, caller: GroupManager, seen: IfMatch, groups: Groups, response: Response
) -> GroupOut:
    found = await groups.set_members(caller, group_id, said.member_ids, seen)
    tag(response, found.version)
    return await groups.shown(found)


@router.put("/groups/{group_id}/roles", summary="Say which roles a group has", responses=CHANGED)
async def set_group_roles(
    group_id: GroupId, said: RolesIn, caller: GroupManager, seen: IfMatch, groups: Groups, response: Response
) -> GroupOut:
    found = await groups.set_roles(caller, group_id, said.roles, seen)
    tag(response, found.version)
    return await groups.shown(found)


@router.delete(
    "/groups/{group_id}",
    summary="Remove a group",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=CHANGED,
)
async def remove_group(group_id: GroupId, caller: GroupManager, seen: IfMatch, groups: Groups) -> None:
    """Its members lose its roles."""
    await groups.remove(caller, group_id, seen)
