"""Where a client sends a browser: `/oidc/authorize`, and the answer of its user: `/oidc/consent`."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from authlib.oauth2 import OAuth2Error
from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from api.identity.sessions import BrowserSession, MaybeSignedIn, SignedIn
from api.kernel.permissions import public
from api.kernel.routing import Router
from api.oidc import authorize, redirects, scopes
from api.oidc.authorize import AskConsent, AskOrganisation, GoTo, Outcome
from api.oidc.endpoints.forms import sealed, sent
from api.oidc.flow.requests import Asked, parsed, seen
from api.oidc.pages import page
from api.oidc.provider import Provider, Providing, Serving

router = Router(include_in_schema=False, dependencies=[public("browsers come here to sign in")])
PATH = "/oidc/authorize"


@router.get(PATH)
async def ask(request: Request, here: MaybeSignedIn, provider: Providing, server: Serving) -> Response:
    try:
        asked = seen(request.url.query, PATH, provider.address)
        return _shown(await authorize.outcome(server, asked, here), asked, here, provider)
    except OAuth2Error as error:
        return _refused(error)


@router.post(PATH)
async def ask_by_form(request: Request) -> Response:
    """OpenID Connect Core, 3.1.2.1. A form of elsewhere comes without our cookie; what it leads to comes with it."""
    try:
        asked = parsed(await request.body())
    except OAuth2Error as error:
        return _refused(error)
    return RedirectResponse(f"{PATH}?{urlencode(asked)}", 303)


@router.post("/oidc/consent")
async def answer(request: Request, here: SignedIn, provider: Providing, server: Serving) -> Response:
    said = await sent(request, provider, here, "consent", "request", "organisation")
    try:
        asked = seen(said["request"], PATH, provider.address)
        if said["decision"] != "allow":
            return _shown(await authorize.denied(server, asked, here), asked, here, provider)
        outcome = await authorize.outcome(server, asked, here, allowed=True, chosen=said["organisation"])
        return _shown(outcome, asked, here, provider)
    except OAuth2Error as error:
        return _refused(error)


def _shown(outcome: Outcome, asked: Asked, here: BrowserSession | None, provider: Provider) -> Response:
    if isinstance(outcome, GoTo):
        return RedirectResponse(outcome.address, 303, headers={"Cache-Control": "no-store"})
    query = urlencode(asked.payload.data)
    if isinstance(outcome, AskOrganisation):
        links = [
            (b.name, f"{PATH}?{query}&{urlencode({authorize.ORGANISATION: b.organisation_id})}")
            for b in outcome.choices
        ]
        return page("organisation.html", client=outcome.client.row.name, choices=links)
    assert isinstance(outcome, AskConsent)
    assert here is not None
    fields = sealed(provider, here, "consent", request=query, organisation=outcome.organisation.organisation_id)
    return page(
        "consent.html", goes_to=[redirects.origin(outcome.redirect_uri)], client=outcome.client.row.name,
        organisation=outcome.organisation.name, meanings=scopes.meanings(outcome.scopes), person=outcome.person,
        place=urlsplit(outcome.redirect_uri).netloc, action="/oidc/consent", fields=fields,
    )  # fmt: skip


def _refused(error: OAuth2Error) -> Response:
    """Shown here: nobody is sent to an address that is not known to be the client's."""
    text = f"{error.get_error_description() or error.error} Tell whoever runs the application that sent you."
    return page("done.html", 400, heading="This request cannot be answered", text=text)
