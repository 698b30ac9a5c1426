"""API keys: one's own, and those of service accounts."""

from __future__ import annotations

from fastapi import status

from api.kernel.idempotency import unkeyed
from api.kernel.pages import Page, PageQuery
from api.organisations.endpoints.routing import router
from api.organisations.models import ApiKey
from api.organisations.policies import ACCOUNTS, KeyHolder
from api.organisations.schemas.keys import KeyId, KeyIn, KeyOut, NewKeyOut, RotateIn
from api.organisations.service.keys import Keys
from api.problems import CREATED

_ONCE = unkeyed("its answer holds a secret, which is kept nowhere")


def shown(key: ApiKey) -> KeyOut:
    return KeyOut.model_validate(key, from_attributes=True)


@router.get(
    "/api-keys", summary="One's own keys, newest first; all of the organisation for who manages service accounts"
)
async def list_keys(caller: KeyHolder, page: PageQuery, keys: Keys) -> Page[KeyOut]:
    own = () if caller.allows(ACCOUNTS.name) else (ApiKey.member_id == await keys.own(caller),)
    return (await keys.rows.page(ApiKey, page, *own)).page(shown)


@router.get("/api-keys/{key_id}", summary="One key, without its secret")
async def get_key(key_id: KeyId, caller: KeyHolder, keys: Keys) -> KeyOut:
    return shown(await keys.found(caller, key_id))


@router.post(
    "/api-keys",
    summary="Make a key; the answer is the only one that shows it",
    status_code=status.HTTP_201_CREATED,
    dependencies=[_ONCE],
    responses=CREATED,
)
async def create_key(said: KeyIn, caller: KeyHolder, keys: Keys) -> NewKeyOut:
    made, text = await keys.create(caller, said)
    return NewKeyOut(**shown(made).model_dump(), key=text)


@router.post(
    "/api-keys/{key_id}:rotate",
    summary="Make a key like this one, which goes on working for a while",
    status_code=status.HTTP_201_CREATED,
    dependencies=[_ONCE],
    responses=CREATED,
)
async def rotate_key(key_id: KeyId, said: RotateIn, caller: KeyHolder, keys: Keys) -> NewKeyOut:
    made, text = await keys.rotate(caller, key_id, said)
    return NewKeyOut(**shown(made).model_dump(), key=text)


@router.delete("/api-keys/{key_id}", summary="Revoke a key", status_code=status.HTTP_204_NO_CONTENT)
async def revoke_key(key_id: KeyId, caller: KeyHolder, keys: Keys) -> None:
    """It opens nothing from now on; it stays in the list."""
    await keys.revoke(caller, key_id)
