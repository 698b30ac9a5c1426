"""HTTP of webhooks: `POST /v1/sources/{source}/webhook`. Its own authentication is the provider's signature."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Path, Query, Request

from api.kernel.idempotency import unkeyed
from api.kernel.permissions import public
from api.kernel.routing import Router
from api.problems import GUARDED
from api.sources.schemas import Landed
from api.sources.service import WebhookService
from nexus.settings import Settings

router = Router(
    prefix="/v1/sources",
    tags=["sources"],
    dependencies=[public("the provider signs what it posts"), unkeyed("the provider's own ids say what came before")],
)
_NAME = r"^[a-z][a-z0-9_-]{0,62}$"
_REFUSED = {status: response for status, response in GUARDED.items() if status != 401}


def start(app: FastAPI, settings: Settings) -> None:
    app.state.webhooks = WebhookService(settings)


@router.post(
    "/{source}/webhook",
    summary="What a provider posts; answered once it has landed",
    responses=_REFUSED,
    # the body is read as it came: a signature is over bytes
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": {}}}}},
)
async def webhook(
    request: Request,
    source: Annotated[str, Path(pattern=_NAME)],
    workspace: Annotated[str, Query(pattern=_NAME, description="workspace of the connection")],
    connection: Annotated[str, Query(pattern=_NAME, description="its name in connections/<workspace>.yml")],
) -> Landed:
    """The connection names workspace and secret; the body decides neither. A delivery lands whole or not at all, and one
    that comes again changes nothing. Whatever is not answered with 200 is to be sent again."""
    service: WebhookService = request.app.state.webhooks
    return await service.receive(source, workspace, connection, request.headers, await request.body())
