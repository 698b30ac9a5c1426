"""`/healthz` and `/readyz`: for supervisors and people. They need no token and tell no data."""

from __future__ import annotations

from fastapi import Request, Response
from pydantic import BaseModel, Field

from api.health import service
from api.kernel.permissions import public
from api.kernel.routing import Router

router = Router(tags=["health"], dependencies=[public("supervisors have no credential; it tells no data")])


class Alive(BaseModel):
    status: str = "ok"


class Part(BaseModel):
    """Something that Nexus needs. What is not required can be missing: nobody has made it yet."""

    name: str = Field(examples=["database"])
    ready: bool
    required: bool = True
    detail: str = Field(examples=["reached and migrated"])
    remedy: str | None = None


class Readiness(BaseModel):
    ready: bool
    parts: list[Part]


@router.get("/healthz", summary="The process lives")
async def healthz() -> Alive:
    return Alive()


@router.get(
    "/readyz",
    summary="Everything that is required is there",
    responses={503: {"model": Readiness, "description": "Something is missing; `parts` says what"}},
)
async def readyz(request: Request, response: Response) -> Readiness:
    parts = [Part(**found) for found in await service.found(request.app)]
    ready = all(p.ready for p in parts if p.required)
    response.status_code = 200 if ready else 503
    return Readiness(ready=ready, parts=parts)
