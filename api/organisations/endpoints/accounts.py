"""Service accounts, and their roles."""

from __future__ import annotations

from fastapi import Response, status

from api.kernel.idempotency import IdempotencyKey
from api.kernel.pages import Page, PageQuery
from api.kernel.preconditions import IfMatch, tag
from api.organisations.endpoints.routing import router
from api.organisations.models import ServiceAccount
from api.organisations.policies import AccountManager, OrganisationReader
from api.organisations.schemas.access import AccountId, AccountIn, AccountOut, RolesIn
from api.organisations.service.accounts import Accounts
from api.problems import CHANGED, CREATED


@router.get("/service-accounts", summary="The organisation's service accounts, newest first")
async def list_service_accounts(caller: OrganisationReader, page: PageQuery, accounts: Accounts) -> Page[AccountOut]:
    found = await accounts.rows.page(ServiceAccount, page)
    data = [await accounts.shown(row) for row in found.rows]
    return Page(data=data, next_cursor=found.next_cursor, has_more=found.next_cursor is not None)


@router.get("/service-accounts/{service_account_id}", summary="One service account")
async def get_service_account(
    service_account_id: AccountId, caller: OrganisationReader, accounts: Accounts, response: Response
) -> AccountOut:
    found = await accounts.rows.get(ServiceAccount, service_account_id)
    tag(response, found.version)
    return await accounts.shown(found)


@router.post(
    "/service-accounts", summary="Make a service account", status_code=status.HTTP_201_CREATED, responses=CREATED
)
async def create_service_account(
    said: AccountIn, caller: AccountManager, key: IdempotencyKey, accounts: Accounts, response: Response
) -> AccountOut:
    made = await accounts.create(caller, said)
    response.headers["Location"] = f"/v1/service-accounts/{made.id}"
    tag(response, made.version)
    return await accounts.shown(made)


@router.put("/service-accounts/{service_account_id}", summary="Change a service account", responses=CHANGED)
async def change_service_account(
    service_account_id: AccountId,
    said: AccountIn,
    caller: AccountManager,
    seen: IfMatch,
    accounts: Accounts,
    response: Response,
) -> AccountOut:
    found = await accounts.change(caller, service_account_id, said, seen)
    tag(response, found.version)
    return await accounts.shown(found)


@router.put(
    "/service-accounts/{service_account_id}/roles", summary="Say which roles a service account has", responses=CHANGED
)
async def set_service_account_roles(
    service_account_id: AccountId,
    said: RolesIn,
    caller: AccountManager,
    seen: IfMatch,
    accounts: Accounts,
    response: Response,
) -> AccountOut:
    found = await accounts.set_roles(caller, service_account_id, said.roles, seen)
    tag(response, found.version)
    return await accounts.shown(found)


@router.delete(
    "/service-accounts/{service_account_id}",
    summary="Remove a service account",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=CHANGED,
)
async def remove_service_account(
    service_account_id: AccountId, caller: AccountManager, seen: IfMatch, accounts: Accounts
) -> None:
    """Its API keys go with it."""
    await accounts.remove(caller, service_account_id, seen)
