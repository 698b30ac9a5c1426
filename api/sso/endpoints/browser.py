"""Where browsers pass on their way to a provider and back: `/signin/sso/{connection_id}…`."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated
from urllib.parse import quote

from fastapi import Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from api.identity import cookies, sessions
from api.identity.again import Again
from api.identity.endpoints.common import LifetimesOfApp, go, signed_in
from api.identity.pages import page, way_on
from api.identity.sessions import Browser, TooManySessionsError, new_secret
from api.kernel.idempotency import unkeyed
from api.kernel.limits import limit
from api.kernel.permissions import public
from api.kernel.routing import Router
from api.kernel.transactions import database
from api.organisations.service.rules import LastOwnerError
from api.sso import flow, oidc, repository, saml, service
from api.sso.flow import AttemptError, Here
from api.sso.models import Attempt, Connection
from api.sso.schemas import ConnectionId
from api.sso.upstream import UpstreamError, Vouched
from nexus.errors import NexusError
from nexus.limits import TokenBucket
from nexus.settings import Settings

router = Router(
    include_in_schema=False,
    prefix="/signin/sso",
    dependencies=[
        public("who is on the way to signing in has no credential yet"),
        limit(TokenBucket("sso_signins", 600, 60), per=("address",), each_route=False),
    ],
)
#: The secret of the browser in which an attempt began.
BROWSER = "nexus_sso"
Text = Annotated[str, Query(max_length=8000)]


@router.get("/{connection_id}")
async def begin(
    request: Request, connection_id: ConnectionId, next: Text = "", hint: Text = "", again: Text = ""
) -> Response:
    """To the provider. `again`: it must ask for a fresh proof, or we for a second factor."""
    of, asked = database(request), Again(again)
    row = await flow.connection(of, connection_id)
    secret = cookies.read(request, BROWSER) or new_secret()
    attempt = flow.begun(row, secret, way_on(next), asked)
    try:
        where = await _address(request, row, attempt, hint[:254])
    except NexusError as error:
        return await _refused(request, row, error)
    async with of.system() as session:
        await repository.begin(session, attempt, flow.LASTS)
    response = RedirectResponse(where, 303, headers={"Cache-Control": "no-store"})
    cookies.put(request, response, BROWSER, secret, timedelta(hours=1))
    return response


@router.get("/{connection_id}/callback")
async def callback(
    request: Request, connection_id: ConnectionId, lifetimes: LifetimesOfApp, state: Text = ""
) -> Response:
    """Back from a provider that speaks OpenID Connect."""
    of, settings = database(request), _settings(request)
    row = await flow.connection(of, connection_id)
    # each parameter once: two readers must not take different ones
    answer = {
        name: values[0] for name in request.query_params if len(values := request.query_params.getlist(name)) == 1
    }
    # neither the log of requests nor a later page keeps the code
    request.scope["query_string"] = b"state=-"
    try:
        attempt = await flow.used(of, row, state, cookies.read(request, BROWSER))
        vouched = await oidc.finish(
            request.app.state.sso_providers, settings, row, attempt, answer, _back(settings, row),
            service.secret(settings, row),
        )  # fmt: skip
    except NexusError as error:
        return await _refused(request, row, error)
    return await _in(request, row, vouched, lifetimes, attempt)


@router.post("/{connection_id}/acs", dependencies=[unkeyed("a form of the provider's page")])
async def consume(
    request: Request, connection_id: ConnectionId, SAMLResponse: Annotated[str, Form(max_length=500_000)] = ""
) -> Response:
    """A response of SAML, which a page of the provider makes the browser send."""
    of, settings = database(request), _settings(request)
    row = await flow.connection(of, connection_id)
    try:
        said = await asyncio.to_thread(saml.read, row, _key(settings, row), _us(settings, row), SAMLResponse)
        attempt = await flow.answered(of, row, said)
    except NexusError as error:
        return await _refused(request, row, error)
    return go(f"/signin/sso/{row.id}/finish?attempt={attempt}")


@router.get("/{connection_id}/finish")
async def finish(
    request: Request, connection_id: ConnectionId, lifetimes: LifetimesOfApp, attempt: Text = ""
) -> Response:
    """The same browser, which shows by its cookie that it is the one that began."""
    of = database(request)
    row = await flow.connection(of, connection_id)
    try:
        used = await flow.used(of, row, attempt, cookies.read(request, BROWSER))
        if used.claims is None:
            raise AttemptError
    except NexusError as error:
        return await _refused(request, row, error)
    return await _in(request, row, Vouched.of(used.claims), lifetimes, used)


@router.get("/{connection_id}/metadata")
async def metadata(request: Request, connection_id: ConnectionId) -> Response:
    """What a provider that speaks SAML is to know of us, also before the connection is enabled."""
    async with database(request).system() as session:
        row = await repository.get(session, connection_id)
    settings = _settings(request)
    text = await asyncio.to_thread(saml.metadata, row, _key(settings, row), _us(settings, row))
    return Response(text, media_type="application/samlmetadata+xml")


async def _address(request: Request, row: Connection, attempt: Attempt, hint: str) -> str:
    settings = _settings(request)
    if row.kind == "oidc":
        return await oidc.begin(request.app.state.sso_providers, settings, row, attempt, hint, _back(settings, row))
    us, key = _us(settings, row), _key(settings, row)
    attempt.request_id, where = await asyncio.to_thread(
        lambda: saml.request(row, key, us, relay=attempt.id, is_fresh=attempt.is_fresh)
    )
    return where


async def _in(
    request: Request, row: Connection, vouched: Vouched, lifetimes: sessions.Lifetimes, attempt: Attempt
) -> Response:
    before = await sessions.found(request)
    here = Here(Browser.of(request), cookies.read(request, cookies.DEVICE), before[0] if before else None)
    try:
        made = await flow.signed_in(database(request), lifetimes, row, vouched, here, needs_factor=attempt.needs_factor)
    except (UpstreamError, TooManySessionsError, LastOwnerError) as error:
        return await _refused(request, row, error)
    on = attempt.way_on
    return signed_in(request, made, f"{made.factor_path}?next={quote(on, safe='')}" if made.factor_path else on)


async def _refused(request: Request, row: Connection, error: NexusError) -> Response:
    """The person is told little, whoever administers all of it."""
    if not isinstance(error, AttemptError):
        told = error if isinstance(error, UpstreamError) else UpstreamError(error.code, error.message)
        await flow.refused(database(request), row, told, Browser.of(request))
    else:
        told = None
    return page(
        request, "sso/refused.html", status=error.status, name=row.name, again=f"/signin/sso/{row.id}",
        reason=told.reason if told else "", said=str(error.message) if told is None else "",
    )  # fmt: skip


def _settings(request: Request) -> Settings:
    found: Settings = request.app.state.settings
    return found


def _back(settings: Settings, row: Connection) -> str:
    return f"{settings.address}/signin/sso/{row.id}/callback"


def _us(settings: Settings, row: Connection) -> saml.Ourselves:
    return saml.Ourselves.of(settings.address, row.id)


def _key(settings: Settings, row: Connection) -> str:
    """Raises UpstreamError for a connection that speaks otherwise."""
    if row.kind != "saml":
        raise UpstreamError("kind", "this connection does not speak SAML")
    return service.secret(settings, row) or ""
