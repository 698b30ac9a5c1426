"""What clients post to: tokens, their revocation, what they are worth."""

from __future__ import annotations

from fastapi import Request, Response

from api.kernel.idempotency import unkeyed
from api.kernel.permissions import public
from api.kernel.routing import Router
from api.oidc.flow.requests import posted
from api.oidc.provider import Serving

router = Router(
    include_in_schema=False,
    dependencies=[public("a client authenticates as OAuth says"), unkeyed("codes and tokens work once by themselves")],
)
#: For applications that run in a browser: no cookie counts here, so any page may ask.
_EVERYWHERE = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store", "Pragma": "no-cache"}


@router.post("/oidc/token")
async def token(request: Request, server: Serving) -> Response:
    asked = await posted(request, server.issuer.address)
    return _open(await server.run(lambda: server.create_token_response(asked)))


@router.post("/oidc/revoke")
async def revoke(request: Request, server: Serving) -> Response:
    asked = await posted(request, server.issuer.address)
    # an unknown hint is ignored (RFC 7009, 2.2.1); Authlib would refuse it
    asked.payload.data.pop("token_type_hint", None)
    return _open(await server.run(lambda: server.create_endpoint_response("revocation", asked)))


@router.post("/oidc/introspect")
async def introspect(request: Request, server: Serving) -> Response:
    asked = await posted(request, server.issuer.address)
    asked.payload.data.pop("token_type_hint", None)
    return await server.run(lambda: server.create_endpoint_response("introspection", asked))


@router.post("/oidc/device_authorization")
async def device_authorization(request: Request, server: Serving) -> Response:
    asked = await posted(request, server.issuer.address)
    return _open(await server.run(lambda: server.create_endpoint_response("device_authorization", asked)))


@router.options("/oidc/token")
@router.options("/oidc/revoke")
@router.options("/oidc/userinfo")
async def preflight() -> Response:
    allowed = {
        "Access-Control-Allow-Methods": "GET, POST",
        "Access-Control-Allow-Headers": "Authorization, Content-Type",
    }
    return Response(status_code=204, headers={**_EVERYWHERE, **allowed, "Access-Control-Max-Age": "600"})


def _open(response: Response) -> Response:
    response.headers.update(_EVERYWHERE)
    return response
