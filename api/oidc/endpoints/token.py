"""What clients post to: tokens, their revocation, what they are worth."""

from __future__ import annotations

from fastapi import Request, Response

from api.kernel.idempotency import unkeyed
from api.kernel.permissions import public
from api.kernel.routing import Router
from api.oidc.endpoints.described import (
    DeviceForm,
    DeviceOut,
    IntrospectedOut,
    RevokedForm,
    RevokedOut,
    ShownForm,
    TokenForm,
    TokenOut,
    answers,
    form,
)
from api.oidc.flow.requests import posted
from api.oidc.provider import Serving

router = Router(
    tags=["oidc"],
    dependencies=[public("a client authenticates as OAuth says"), unkeyed("codes and tokens work once by themselves")],
)
#: For applications that run in a browser: no cookie counts here, so any page may ask.
_EVERYWHERE = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store", "Pragma": "no-cache"}


@router.post(
    "/oidc/token", summary="Tokens, for a code, a refresh token, a device's code, or in the client's own name",
    responses=answers(TokenOut), openapi_extra=form(TokenForm),
)  # fmt: skip
async def issue_token(request: Request, server: Serving) -> Response:
    asked = await posted(request, server.issuer.address)
    return _open(await server.run(lambda: server.create_token_response(asked)))


@router.post(
    "/oidc/revoke", summary="End a token, and every other of its grant", responses=answers(RevokedOut),
    openapi_extra=form(RevokedForm),
)  # fmt: skip
async def revoke_token(request: Request, server: Serving) -> Response:
    asked = await posted(request, server.issuer.address)
    # an unknown hint is ignored (RFC 7009, 2.2.1); Authlib would refuse it
    asked.payload.data.pop("token_type_hint", None)
    return _open(await server.run(lambda: server.create_endpoint_response("revocation", asked)))


@router.post(
    "/oidc/introspect", summary="What a token is worth", responses=answers(IntrospectedOut),
    openapi_extra=form(ShownForm, needs_secret=True),
)  # fmt: skip
async def introspect_token(request: Request, server: Serving) -> Response:
    asked = await posted(request, server.issuer.address)
    asked.payload.data.pop("token_type_hint", None)
    return await server.run(lambda: server.create_endpoint_response("introspection", asked))


@router.post(
    "/oidc/device_authorization", summary="Begin to sign in on a device that has no browser",
    responses=answers(DeviceOut), openapi_extra=form(DeviceForm),
)  # fmt: skip
async def begin_device(request: Request, server: Serving) -> Response:
    asked = await posted(request, server.issuer.address)
    return _open(await server.run(lambda: server.create_endpoint_response("device_authorization", asked)))


@router.options("/oidc/token", include_in_schema=False)
@router.options("/oidc/revoke", include_in_schema=False)
@router.options("/oidc/userinfo", include_in_schema=False)
async def preflight() -> Response:
    allowed = {
        "Access-Control-Allow-Methods": "GET, POST",
        "Access-Control-Allow-Headers": "Authorization, Content-Type",
    }
    return Response(status_code=204, headers={**_EVERYWHERE, **allowed, "Access-Control-Max-Age": "600"})


def _open(response: Response) -> Response:
    response.headers.update(_EVERYWHERE)
    return response
