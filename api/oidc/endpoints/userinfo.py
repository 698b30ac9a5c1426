"""Who an access token speaks of: `/oidc/userinfo`."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse

from api.identity import directory
from api.kernel.idempotency import unkeyed
from api.kernel.permissions import public
from api.kernel.routing import Router
from api.oidc import admission, scopes, tokens
from api.oidc.endpoints.described import UserOut, answers
from api.oidc.flow.parties import claims
from api.oidc.provider import Serving
from api.oidc.repository import grants as rows

router = Router(tags=["oidc"], dependencies=[public("the access token says who asks")])
_DESCRIBED: dict[str, Any] = {
    "responses": answers(UserOut), "openapi_extra": {"security": [{"HTTPBearer": []}]}, "summary": "Whom an access token speaks of",
}  # fmt: skip
_HEADERS = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store"}


@router.get("/oidc/userinfo", name="get_userinfo", **_DESCRIBED)
@router.post("/oidc/userinfo", name="post_userinfo", dependencies=[unkeyed("it changes nothing")], **_DESCRIBED)
async def userinfo(request: Request, server: Serving) -> JSONResponse:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token:
        return _refused(401, None, "")
    try:
        said = tokens.access(token.strip(), server.issuer, server.issuer.userinfo)
    except tokens.InvalidTokenError as error:
        return _refused(401, "invalid_token", str(error))
    granted = scopes.parse(said["scope"])
    person = await directory.user(server.session, said["sub"])
    if person is None or not await rows.living(server.session, [said["grant"]]):
        return _refused(401, "invalid_token", "it has been revoked")
    if why := await admission.objection(server.session, person.id, said["org"], said.get("amr", ())):
        return _refused(401, "invalid_token", why)
    return JSONResponse(claims(person, granted), headers=_HEADERS)


def _refused(status: int, error: str | None, description: str) -> JSONResponse:
    """RFC 6750, 3: whoever sent no token is told no error."""
    asked = 'Bearer realm="nexus"' + (f', error="{error}", error_description="{description}"' if error else "")
    body = {"error": error, "error_description": description} if error else {}
    return JSONResponse(body, status, headers={**_HEADERS, "WWW-Authenticate": asked})
