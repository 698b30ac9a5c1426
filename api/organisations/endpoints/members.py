"""Members of the organisation, and their roles."""

from __future__ import annotations

from fastapi import Response, status

from api.kernel.pages import Page, PageQuery
from api.kernel.preconditions import IfMatch, tag
from api.organisations.endpoints.routing import router
from api.organisations.models import Member
from api.organisations.policies import MemberManager, OrganisationReader
from api.organisations.schemas.access import MemberId, MemberIn, MemberOut, RolesIn
from api.organisations.service.members import Members
from api.problems import CHANGED


@router.get("/members", summary="The organisation's members, newest first")
async def list_members(caller: OrganisationReader, page: PageQuery, members: Members) -> Page[MemberOut]:
    found = await members.rows.page(Member, page)
    data = [await members.shown(row) for row in found.rows]
    return Page(data=data, next_cursor=found.next_cursor, has_more=found.next_cursor is not None)


@router.get("/members/{member_id}", summary="One member")
async def get_member(
    member_id: MemberId, caller: OrganisationReader, members: Members, response: Response
) -> MemberOut:
    found = await members.rows.get(Member, member_id)
    tag(response, found.version)
    return await members.shown(found)


@router.put("/members/{member_id}", summary="Change a member", responses=CHANGED)
async def change_member(
    member_id: MemberId, said: MemberIn, caller: MemberManager, seen: IfMatch, members: Members, response: Response
) -> MemberOut:
    found = await members.change(caller, member_id, said, seen)
    tag(response, found.version)
    return await members.shown(found)


@router.put("/members/{member_id}/roles", summary="Say which roles a member has", responses=CHANGED)
async def set_member_roles(
    member_id: MemberId, said: RolesIn, caller: MemberManager, seen: IfMatch, members: Members, response: Response
) -> MemberOut:
    found = await members.set_roles(caller, member_id, said.roles, seen)
    tag(response, found.version)
    return await members.shown(found)


@router.delete(
    "/members/{member_id}",
    summary="Remove a member",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=CHANGED,
)
async def remove_member(member_id: MemberId, caller: MemberManager, seen: IfMatch, members: Members) -> None:
    """Their roles, groups and API keys go with them."""
    await members.remove(caller, member_id, seen)
