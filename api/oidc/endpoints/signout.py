"""A client asks for the end of a browser session: `/oidc/logout` (RP-Initiated Logout 1.0)."""

from __future__ import annotations

from typing import Any

from authlib.oauth2 import OAuth2Error
from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from api.identity import cookies, sessions
from api.identity.sessions import BrowserSession, MaybeSignedIn, SignedIn
from api.kernel.permissions import public
from api.kernel.routing import Router
from api.oidc import redirects
from api.oidc.endpoints.forms import sealed, sent
from api.oidc.flow.requests import Asked, parsed
from api.oidc.flow.server import Server, revoke
from api.oidc.models import Grant
from api.oidc.pages import page
from api.oidc.provider import Providing, Serving

router = Router(include_in_schema=False, dependencies=[public("whoever is signed in may sign out")])


@router.get("/oidc/logout")
@router.post("/oidc/logout")
async def logout(request: Request, here: MaybeSignedIn, provider: Providing, server: Serving) -> Response:
    try:
        raw = await request.body() if request.method == "POST" else request.url.query.encode("utf-8", "replace")
        asked = Asked(request.method, f"{provider.address}/oidc/logout", parsed(raw), {})
        wanted: Any = await server.run(lambda: server.validate_endpoint_request("end_session", asked))
    except OAuth2Error as error:
        return page(
            "done.html", 400, heading="This request cannot be answered", text=str(error.get_error_description())
        )
    back = wanted.redirect_uri or ""
    if here is None:
        return _gone(back)
    hint = wanted.id_token_claims
    if hint and hint.get("sub") == here.user_id and hint.get("sid", here.id) == here.id:
        return await _ended(request, server, here, back)
    # anybody can send a browser here: without an ID token of this very session its user is asked (section 6)
    return page(
        "signout.html", goes_to=[redirects.origin(back)] if back else [],
        client=wanted.client.row.name if wanted.client else "", fields=sealed(provider, here, "signout", back=back),
    )  # fmt: skip


@router.post("/oidc/signout")
async def confirmed(request: Request, here: SignedIn, provider: Providing, server: Serving) -> Response:
    said = await sent(request, provider, here, "signout", "back")
    if said["decision"] == "allow":
        return await _ended(request, server, here, said["back"])
    return page("done.html", heading="Still signed in", text="Nothing has changed.")


async def _ended(request: Request, server: Server, here: BrowserSession, back: str) -> Response:
    await sessions.revoke(server.session, here.user_id, here.id, "signed_out")
    await revoke(server.session, "signed_out", Grant.session_id == here.id, ~Grant.is_offline)
    response = _gone(back)
    cookies.drop(request, response, cookies.SESSION)
    return response


def _gone(back: str) -> Response:
    if back:
        return RedirectResponse(back, 303, headers={"Cache-Control": "no-store"})
    return page("done.html", heading="Signed out", text="You are signed out of Nexus in this browser.")
