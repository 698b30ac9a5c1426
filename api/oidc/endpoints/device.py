"""Where somebody types the code that a device shows: `/oidc/device`."""

from __future__ import annotations

from fastapi import Request, Response

from api.identity import directory
from api.identity.sessions import SignedIn
from api.identity.signin import ThrottledError
from api.kernel.permissions import public
from api.kernel.routing import Router
from api.oidc import devices, scopes
from api.oidc.endpoints.forms import sealed, sent
from api.oidc.pages import page
from api.oidc.provider import Providing, Serving

router = Router(
    include_in_schema=False, dependencies=[public("whoever is signed in may let a device in as themselves")]
)
PATH = "/oidc/device"


@router.get(PATH)
async def typed(here: SignedIn, provider: Providing, server: Serving, user_code: str = "") -> Response:
    if not user_code:
        return page("device.html", unknown=False)
    try:
        found = await devices.typed(server, here, user_code)
    except ThrottledError as error:
        return page("device.html", 429, headers=error.headers, unknown=False, throttled=True)
    if found is None:
        return page("device.html", 404, unknown=True)
    person = await directory.user(server.session, here.user_id)
    fields = sealed(provider, here, "device", user_code=found.user_code)
    return page(
        "consent.html", client=found.client.row.name, organisation=found.organisation.name, person=person, place="",
        user_code=found.user_code, meanings=scopes.meanings(found.scopes), action=PATH, fields=fields,
    )  # fmt: skip


@router.post(PATH)
async def answered(request: Request, here: SignedIn, provider: Providing, server: Serving) -> Response:
    said = await sent(request, provider, here, "device", "user_code")
    allowed = said["decision"] == "allow"
    if not await devices.decide(server, here, said["user_code"], allowed):
        return page("device.html", 404, unknown=True)
    text = "It is signed in as you. You can close this page." if allowed else "It was not let in."
    return page("done.html", heading="Device", text=text)
