"""From an authorisation request to what happens next: an error, signing in, a question, a code.

Belongs here: the rules of OpenID Connect that Authlib leaves to its user (`prompt`, `max_age`, `acr_values`), consent,
which organisation. Does not belong here: HTTP and pages (endpoints/authorize.py).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from authlib.common.urls import add_params_to_uri
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.errors import AccessDeniedError, InvalidRequestError

from api.identity import directory, realms
from api.identity.again import Again
from api.identity.sessions import BrowserSession
from api.oidc import levels, scopes, tokens
from api.oidc.flow.parties import REFRESH, Party, Subject
from api.oidc.flow.requests import Asked, value
from api.oidc.flow.server import Server
from api.oidc.models import Grant
from api.oidc.repository import grants as rows
from api.organisations import access
from api.organisations.access import Belonging
from nexus.ids import new_id
from nexus.tenancy import LOCAL_ORGANISATION

#: Parameter of ours: not before when the sign-in that was asked for must have happened.
SINCE = "nexus_since"
#: And what the sign-in lacked for which the browser was sent round once already.
LACKING = "nexus_lacking"
ORGANISATION = "organisation"
_UNSUPPORTED = ("request", "request_uri", "registration")


@dataclass(frozen=True, slots=True)
class GoTo:
    """The browser goes on somewhere: back to the client, or to sign in."""

    address: str


@dataclass(frozen=True, slots=True)
class AskConsent:
    """The user is asked whether the client may."""

    client: Party
    person: directory.Person
    organisation: Belonging
    scopes: tuple[str, ...]
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class AskOrganisation:
    """The user is asked in which organisation."""

    client: Party
    choices: Sequence[Belonging]


Outcome = GoTo | AskConsent | AskOrganisation


def failed(error: OAuth2Error, issuer: str, state: str | None) -> GoTo:
    """Back to the client with an error. Raises the error if its address is not known to be the client's."""
    if not error.redirect_uri:
        raise error
    error.state = state
    return GoTo(add_params_to_uri(error.redirect_uri, [*error.get_body(), ("iss", issuer)]))


async def outcome(
    server: Server, asked: Asked, here: BrowserSession | None, *, allowed: bool = False, chosen: str | None = None
) -> Outcome:
    """What follows from the request. `allowed`: the user has just said yes, in the organisation `chosen`.

    Raises OAuth2Error, to be shown and not sent anywhere, while the client or its address are in doubt.
    """
    try:
        return await _outcome(server, asked, here, allowed, chosen)
    except OAuth2Error as error:
        return failed(error, server.issuer.address, value(asked, "state"))


async def denied(server: Server, asked: Asked, here: BrowserSession) -> Outcome:
    """The user has said no."""
    grant = await server.run(lambda: server.get_consent_grant(asked, Subject(here.user_id)))
    error = AccessDeniedError("The user said no.", redirect_uri=grant.redirect_uri)
    return failed(error, server.issuer.address, value(asked, "state"))


async def _outcome(
    server: Server, asked: Asked, here: BrowserSession | None, allowed: bool, chosen: str | None
) -> Outcome:
    person = await directory.user(server.session, here.user_id) if here else None
    user = Subject(person.id, person) if person and person.active else None
    grant = await server.run(lambda: server.get_consent_grant(asked, user))
    client, back = grant.request.client, str(grant.redirect_uri)
    prompts = set((value(asked, "prompt") or "").split())
    _supported(asked, back)
    if here is None or user is None or person is None or _again(server, asked, here, prompts, back):
        if "none" in prompts:
            raise OAuth2Error(error="login_required", redirect_uri=back)
        return _sign_in(asked, here)
    if here.must_change_password:
        return GoTo(f"/account/password?next={quote(_this(asked), safe='')}")
    belongings = await access.organisations_of(server.session, person.id)
    if here.realm is not None and _is_of_the_house(client):
        belongings = [b for b in belongings if b.organisation_id == here.realm]
    where = _organisation(client, belongings, chosen or value(asked, ORGANISATION))
    if where is None:
        if not belongings or not _is_of_the_house(client):
            raise AccessDeniedError("The user does not belong to the organisation of this client.", redirect_uri=back)
        if "none" in prompts:
            raise OAuth2Error(error="interaction_required", redirect_uri=back)
        return AskOrganisation(client, belongings)
    if (lacking := access.admits(where, here.methods, here.realm)) != "yes":
        return await _lacking(server, asked, lacking, where, prompts, back)
    wanted = scopes.parse(grant.request.scope)
    if not allowed and await _must_ask(server, client, person.id, wanted, prompts, back):
        if "none" in prompts:
            raise OAuth2Error(error="consent_required", redirect_uri=back)
        return AskConsent(client, person, where, wanted, back)
    await rows.consent(server.session, person.id, client.row.id, wanted)
    server.granted = granted(client, here, where.organisation_id, wanted, value(asked, "nonce"))
    response = await server.run(lambda: server.create_authorization_response(asked, user, grant))
    server.told(server.granted)
    return GoTo(add_params_to_uri(response.headers["location"], [("iss", server.issuer.address)]))


def granted(
    client: Party, here: BrowserSession, organisation: str, wanted: Sequence[str], nonce: str | None = None
) -> Grant:
    """What the client is given, by whoever is signed in `here`."""
    return Grant(
        id=new_id("grant"), client_id=client.row.id, organisation_id=organisation, user_id=here.user_id,
        session_id=here.id, scopes=list(wanted), nonce=nonce, authenticated_at=here.authenticated_at,
        methods=sorted(here.methods), is_offline=scopes.OFFLINE in wanted and client.check_grant_type(REFRESH),
    )  # fmt: skip


def _supported(asked: Asked, back: str) -> None:
    for name in _UNSUPPORTED:
        if value(asked, name):
            raise OAuth2Error(error=f"{name}_not_supported", redirect_uri=back)
    if value(asked, "response_mode") not in {None, "query"}:
        raise InvalidRequestError("The response_mode must be query.", redirect_uri=back)
    age = value(asked, "max_age")
    if age is not None and not (age.isascii() and age.isdigit()):
        raise InvalidRequestError("The max_age must be a number of seconds.", redirect_uri=back)


def _again(server: Server, asked: Asked, here: BrowserSession, prompts: set[str], back: str) -> bool:
    """Whether the user must prove anew who they are, or is not the one whom the client means."""
    signed_in = here.authenticated_at.timestamp()
    since = value(asked, SINCE) or ""
    # who has just signed in because of this request is not sent round in circles; the client sees `auth_time`
    is_fresh = since.isascii() and since.isdigit() and signed_in >= int(since[:12])
    if levels.unmet((value(asked, "acr_values") or "").split(), here.methods):
        if is_fresh or "none" in prompts:
            raise OAuth2Error(error="unmet_authentication_requirements", redirect_uri=back)
        return True
    if (hint := value(asked, "id_token_hint")) and _hinted(server, asked, hint, back) != here.user_id:
        if is_fresh:
            raise OAuth2Error(error="login_required", redirect_uri=back)
        return True
    age = value(asked, "max_age")
    is_old = age is not None and time.time() - signed_in > int(age[:12])
    return not is_fresh and (is_old or bool(prompts & {"login", "select_account"}))


def _hinted(server: Server, asked: Asked, hint: str, back: str) -> str:
    """Whom an ID token of before names (OpenID Connect Core, 3.1.2.1). Raises InvalidRequestError for one that is not this client's."""
    try:
        said = tokens.believed(hint, server.issuer.ring, server.issuer.address, "jwt", expired=True)
    except tokens.InvalidTokenError:
        said = {}
    if said.get("aud") != value(asked, "client_id"):
        raise InvalidRequestError("The id_token_hint is not an ID token of this client.", redirect_uri=back)
    return str(said.get("sub"))


async def _lacking(
    server: Server, asked: Asked, lacking: access.Admission, where: Belonging, prompts: set[str], back: str
) -> GoTo:
    """To whatever the organisation asks for besides. Raises OAuth2Error where that was tried, or cannot be."""
    if "none" in prompts:
        raise OAuth2Error(error="interaction_required", redirect_uri=back)
    to_provider = lacking == "sso" or (lacking == "other" and where.is_sso_required and not where.is_break_glass)
    is_there = not to_provider or await realms.way(server.session, organisation=where.organisation_id)
    if value(asked, LACKING) or not is_there:
        said = {"sso": "single sign-on", "mfa": "a second factor"}.get(lacking, "another sign-in")
        raise AccessDeniedError(f"The organisation asks for {said}.", redirect_uri=back)
    by = f"&organisation={where.organisation_id}" if to_provider else "&by=password" if lacking == "other" else ""
    on = quote(f"{_this(asked, int(time.time()))}&{LACKING}={lacking}", safe="")
    return GoTo(f"/signin?again={Again.FRESH}{by}&next={on}")


def _sign_in(asked: Asked, here: BrowserSession | None) -> GoTo:
    said = {"next": _this(asked, int(time.time())), "hint": (value(asked, "login_hint") or "")[:254]}
    if wanted := value(asked, ORGANISATION):
        said["organisation"] = wanted[:100]
    query = urlencode({name: text for name, text in said.items() if text}, quote_via=quote, safe="")
    # a browser in which its user is remembered is none of the factors that a level consists of
    needs_factor = bool(levels.unmet((value(asked, "acr_values") or "").split(), ()))
    again = Again.of(is_fresh=here is not None, needs_factor=needs_factor)
    return GoTo(f"/signin?again={again}&{query}" if again else f"/signin?{query}")


def _this(asked: Asked, since: int | None = None) -> str:
    """The path of this request, to come back to."""
    said: dict[str, Any] = dict(asked.payload.data)
    if since is not None:
        said[SINCE] = since
    return f"/oidc/authorize?{urlencode(said)}"


def _is_of_the_house(client: Party) -> bool:
    """Clients of Nexus itself let in whoever belongs to any organisation; others their own organisation's members."""
    return bool(client.row.is_trusted and client.row.organisation_id == LOCAL_ORGANISATION)


def _organisation(client: Party, belongings: Sequence[Belonging], asked: str | None) -> Belonging | None:
    own = client.row.organisation_id
    if not _is_of_the_house(client):
        asked = own
    elif asked is None and len(belongings) == 1:
        asked = belongings[0].organisation_id
    return next((b for b in belongings if b.organisation_id == asked), None)


async def _must_ask(
    server: Server, client: Party, user_id: str, wanted: Sequence[str], prompts: set[str], back: str
) -> bool:
    if client.row.is_trusted:
        return False
    if client.row.secret_hash is None and not back.startswith("https://"):
        # RFC 8252, 8.6: any other program of the machine could pass for it, and would be given what its user once allowed
        return True
    return "consent" in prompts or not set(wanted) <= await rows.consented(server.session, user_id, client.row.id)
