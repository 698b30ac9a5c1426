"""Connections of an organisation: `/v1/sso/connections`; and where somebody signs in: `/v1/sso/realm`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response, status

from api.kernel.idempotency import unkeyed
from api.kernel.limits import limit
from api.kernel.pages import Page, PageQuery
from api.kernel.permissions import public
from api.kernel.preconditions import IfMatch, tag
from api.kernel.reading import Reads
from api.kernel.routing import Router
from api.kernel.transactions import database
from api.problems import CHANGED, CREATED, GUARDED, LIMITED
from api.sso import checks, realm, repository
from api.sso.models import Connection
from api.sso.policies import ConnectionReader, ConnectionWriter
from api.sso.saml import Ourselves
from api.sso.schemas import ConnectionId, ConnectionIn, ConnectionOut, OidcOut, RealmOut, SamlOut, TestedOut, UnlinkIn
from api.sso.service import Connections
from nexus.limits import TokenBucket

router = Router(prefix="/v1/sso/connections", tags=["sso"], responses=GUARDED)
realms = Router(prefix="/v1/sso", tags=["sso"])


def shown(request: Request, row: Connection) -> ConnectionOut:
    address = request.app.state.settings.address
    us, base = Ourselves.of(address, row.id), f"{address}{realm.path(row)}"
    names = set(ConnectionOut.model_fields) - {"oidc", "saml", "signin_url"}
    oidc = (
        OidcOut(**row.settings, has_secret=row.sealed is not None, redirect_uri=f"{base}/callback")
        if row.kind == "oidc"
        else None
    )
    saml = (
        SamlOut(**row.settings, sp_entity_id=us.entity_id, sp_acs_url=us.acs_url, sp_metadata_url=us.entity_id)
        if row.kind == "saml"
        else None
    )
    return ConnectionOut(**{name: getattr(row, name) for name in names}, oidc=oidc, saml=saml, signin_url=base)


@router.get("", summary="The organisation's connections, newest first")
async def list_connections(
    caller: ConnectionReader, page: PageQuery, reads: Reads, request: Request
) -> Page[ConnectionOut]:
    return (await reads.page(Connection, page)).page(lambda row: shown(request, row))


@router.post(
    "", summary="Make a connection to a provider", status_code=status.HTTP_201_CREATED, responses=CREATED,
    dependencies=[unkeyed("what it is told holds a secret, of which no hash is kept either")],
)  # fmt: skip
async def create_connection(
    said: ConnectionIn, caller: ConnectionWriter, connections: Connections, request: Request, response: Response
) -> ConnectionOut:
    """Nobody is led there before it is enabled; `:test` says what is missing."""
    made = await connections.create(caller, said)
    response.headers["Location"] = f"/v1/sso/connections/{made.id}"
    tag(response, made.version)
    return shown(request, made)


@router.get("/{connection_id}", summary="One connection, with what its provider is to be told")
async def get_connection(
    connection_id: ConnectionId, caller: ConnectionReader, reads: Reads, request: Request, response: Response
) -> ConnectionOut:
    found = await reads.one(Connection, connection_id, "connection")
    tag(response, found.version)
    return shown(request, found)


@router.put("/{connection_id}", summary="Change a connection", responses=CHANGED)
async def change_connection(
    connection_id: ConnectionId, said: ConnectionIn, caller: ConnectionWriter, seen: IfMatch, connections: Connections,
    request: Request, response: Response,
) -> ConnectionOut:  # fmt: skip
    found = await connections.change(caller, connection_id, said, seen)
    tag(response, found.version)
    return shown(request, found)


@router.delete(
    "/{connection_id}", summary="Remove a connection; sessions that began there end", responses=CHANGED,
    status_code=status.HTTP_204_NO_CONTENT,
)  # fmt: skip
async def remove_connection(
    connection_id: ConnectionId, caller: ConnectionWriter, seen: IfMatch, connections: Connections
) -> None:
    await connections.remove(caller, connection_id, seen)


@router.post(
    "/{connection_id}:test",
    summary="Look at what a connection needs, and say what is missing",
    dependencies=[unkeyed("it changes nothing"), limit(TokenBucket("sso_tests", 20, 60))],
    responses=LIMITED,
)
async def try_connection(connection_id: ConnectionId, caller: ConnectionWriter, request: Request) -> TestedOut:
    # one that ends before the provider is asked
    async with database(request).transaction(caller.tenant) as session:
        found = await repository.get(session, connection_id)
        proved = await repository.proved(session, caller.organisation)
    return await checks.findings(request.app.state.sso_providers, request.app.state.settings, found, proved)


@router.post(
    "/{connection_id}:unlink",
    summary="Forget by which name the provider calls a user; their address tells it anew",
    dependencies=[unkeyed("doing it again is refused")],
    status_code=status.HTTP_204_NO_CONTENT,
    responses=CHANGED,
)
async def unlink(
    connection_id: ConnectionId, said: UnlinkIn, caller: ConnectionWriter, connections: Connections
) -> None:
    await connections.unlink(caller, connection_id, said.user_id)


@realms.get(
    "/realm",
    summary="Where somebody with an address signs in",
    responses=LIMITED,
    dependencies=[
        public("who signs in has no credential yet; it says what a domain has, and of accounts nothing"),
        limit(TokenBucket("sso_realms", 60, 60), per=("address",)),
    ],
)
async def find_realm(
    request: Request, email: Annotated[str, Query(max_length=254, examples=["ada@example.com"])]
) -> RealmOut:
    """The same for every address of a domain, whether anybody has it."""
    async with database(request).system() as session:
        way = await realm.way(session, email=email)
    return RealmOut(signin_url=f"{request.app.state.settings.address}{way}" if way else None)
