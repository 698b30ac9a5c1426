"""HTTP of @@title: `/v1/@@name`."""

from __future__ import annotations

from fastapi import Response, status

from api.@@name.policies import (
    @@{Entity}Reader,
    @@{Entity}Writer,
)
from api.@@name.schemas import (
    @@{Entity}Id,
    @@{Entity}In,
    @@{Entity}Out,
)
from api.@@name.service import @@{Entity}s
from api.kernel.idempotency import DirectKey
from api.kernel.pages import Page, PageQuery
from api.kernel.preconditions import IfMatch, tag
from api.kernel.routing import Router
from api.problems import CHANGED, CREATED, GUARDED

router = Router(
    prefix="/v1/@@name",
    tags=["@@name"],
    responses=GUARDED,
)


@router.get("", summary="The @@{words}s of the workspace, newest first")
async def list_@@{entity}s(
    caller: @@{Entity}Reader,
    page: PageQuery,
    service: @@{Entity}s,
) -> Page[@@{Entity}Out]:
    return (await service.repository.page(page)).page(@@{Entity}Out.model_validate)


@router.post(
    "",
    summary="Make a @@words",
    status_code=status.HTTP_201_CREATED,
    responses=CREATED,
)
async def create_@@entity(
    said: @@{Entity}In,
    caller: @@{Entity}Writer,
    key: DirectKey,
    service: @@{Entity}s,
    response: Response,
) -> @@{Entity}Out:
    made = service.create(caller.workspace, said)
    response.headers["Location"] = f"/v1/@@name/{made.id}"
    tag(response, made.version)
    return @@{Entity}Out.model_validate(made)


@router.get("/{@@{entity}_id}", summary="One @@words")
async def get_@@entity(
    @@{entity}_id: @@{Entity}Id,
    caller: @@{Entity}Reader,
    service: @@{Entity}s,
    response: Response,
) -> @@{Entity}Out:
    found = await service.repository.get(@@{entity}_id)
    tag(response, found.version)
    return @@{Entity}Out.model_validate(found)


@router.put(
    "/{@@{entity}_id}",
    summary="Change a @@words",
    responses=CHANGED,
)
async def change_@@entity(
    @@{entity}_id: @@{Entity}Id,
    said: @@{Entity}In,
    caller: @@{Entity}Writer,
    seen: IfMatch,
    service: @@{Entity}s,
    response: Response,
) -> @@{Entity}Out:
    found = await service.change(@@{entity}_id, said, seen)
    tag(response, found.version)
    return @@{Entity}Out.model_validate(found)


@router.delete(
    "/{@@{entity}_id}",
    summary="Remove a @@words",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=CHANGED,
)
async def remove_@@entity(
    @@{entity}_id: @@{Entity}Id,
    caller: @@{Entity}Writer,
    seen: IfMatch,
    service: @@{Entity}s,
) -> None:
    await service.remove(@@{entity}_id, seen)
