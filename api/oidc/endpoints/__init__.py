"""HTTP of the provider: discovery, authorisation, tokens, devices, signing out, `/v1/oidc/clients` and one's own `/v1/me/applications`.

Belongs here: the router that is found, what the application keeps. Does not belong here: an endpoint (beside this file).
What clients call is described by the discovery document and by OpenAPI, with the forms and errors of OAuth (described.py); the
pages that browsers open are in neither.
"""

from __future__ import annotations

from authlib.oauth2 import OAuth2Error
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from api.kernel.routing import Router
from api.oidc.endpoints import authorize, clients, consents, device, discovery, signout, token, userinfo
from api.oidc.provider import Provider
from nexus.settings import Settings

router = Router()
for module in (discovery, authorize, token, device, userinfo, signout, clients, consents):
    # not `include_router`: whoever looks at the routes of a slice would find them one floor deeper
    router.routes.extend(module.router.routes)


def start(app: FastAPI, settings: Settings) -> None:
    app.state.oidc = Provider(settings, app.state.database)

    @app.exception_handler(OAuth2Error)
    async def refused(request: Request, error: OAuth2Error) -> JSONResponse:
        """The shape of RFC 6749, 5.2."""
        status, body, headers = error()
        kept = {name: value for name, value in headers if name.lower() != "content-type"}
        return JSONResponse(body, status, headers=kept)
