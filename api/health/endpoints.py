"""`/healthz` and `/readyz`: for supervisors and people. They need no token and tell no data."""

from __future__ import annotations

from fastapi import Request, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from api.health import service
from api.kernel.permissions import public
from api.kernel.routing import Router

router = Router(tags=["health"], dependencies=[public("supervisors have no credential; it tells no data")])


class Alive(BaseModel):
    status: str = "ok"


class Part(BaseModel):
    """Something that predictions need."""

    name: str = Field(examples=["database"])
    ready: bool
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
    summary="Everything that predictions need is there",
    responses={503: {"model": Readiness, "description": "Something is missing; `parts` says what"}},
)
async def readyz(request: Request, response: Response) -> Readiness:
    database = await service.database(request.app.state.database)
    parts = [Part(**found) for found in [database, *await run_in_threadpool(service.parts, request.app)]]
    ready = all(p.ready for p in parts)
    response.status_code = 200 if ready else 503
    return Readiness(ready=ready, parts=parts)
