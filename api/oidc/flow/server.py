"""Authlib's authorization server for one request: over its transaction, with the keys of now.

Belongs here: putting the bindings together, issuing tokens, revoking grants. Does not belong here: HTTP (endpoints/).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from authlib.oauth2.rfc6749 import AuthorizationServer
from authlib.oauth2.rfc6749.errors import InvalidClientError, InvalidGrantError, InvalidScopeError
from fastapi import Response
from fastapi.responses import JSONResponse
from sqlalchemy import ColumnElement
from sqlalchemy.util import await_only

from api.identity import directory
from api.oidc import admission, scopes, tokens
from api.oidc.events import GrantGiven, GrantRevoked
from api.oidc.flow import grants
from api.oidc.flow.endpoints import DeviceAuthorization, EndSession, Introspection, Revocation
from api.oidc.flow.parties import CLIENT, PUBLIC, Party, Subject
from api.oidc.models import Client, Grant, RefreshToken
from api.oidc.repository import grants as rows
from api.oidc.tokens import Issuer
from nexus.db import Session, Tenant
from nexus.ids import new_id

T = TypeVar("T")
# at this level it writes tokens into the log
logging.getLogger("authlib").setLevel(logging.INFO)


class Server(AuthorizationServer):  # type: ignore[misc]
    """`granted` is the grant that this request is about, once that is known."""

    granted: Grant

    def __init__(self, session: Session, issuer: Issuer) -> None:
        super().__init__()
        self.session, self.issuer = session, issuer
        id_token = grants.IdToken()
        self.register_grant(grants.AuthorizationCode, [id_token, grants.Challenge(required=True)])
        self.register_grant(grants.Refresh, [id_token])
        self.register_grant(grants.Device, [id_token])
        self.register_grant(grants.ClientCredentials)
        for endpoint in (Revocation, Introspection, DeviceAuthorization, EndSession):
            self.register_endpoint(endpoint)
        self.register_token_generator("default", self.issue)
        self.register_client_auth_method(PUBLIC, _without_secret)

    async def run(self, work: Callable[[], T]) -> T:
        """Runs what is Authlib's, which waits for the database without being asynchronous."""
        return await self.session.run_sync(lambda _: work())

    # what Authlib asks

    def query_client(self, client_id: str) -> Party | None:
        row = await_only(rows.client(self.session, client_id))
        return Party(row) if row else None

    def party(self, client_id: str) -> Party:
        """Raises InvalidClientError."""
        found = self.query_client(client_id)
        if found is None:
            raise InvalidClientError("There is no such client.")
        return found

    def create_oauth2_request(self, request: Any) -> Any:
        return request

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def handle_response(self, status: int, body: Any, headers: list[tuple[str, str]]) -> Response:
        said = {name: value for name, value in headers if name.lower() != "content-type"}
        if isinstance(body, dict) and body.get("error") == "invalid_client":
            # RFC 7662, 2.3: however it has tried to say who it is; Authlib answers some with 400
            status = 401
            said.setdefault("WWW-Authenticate", 'Basic realm="nexus"')
        if isinstance(body, dict):
            return JSONResponse(body, status, headers=said)
        return Response(body, status, headers=said)

    def validate_requested_scope(self, scope: str | None) -> None:
        """What is not known is left out (RFC 6749, 3.3); that nothing remains, `issue` and the client notice."""

    def save_token(self, token: dict[str, Any], request: Any) -> None:
        """Done by `issue`: of a token nothing is kept but its grant."""

    # what this house does

    def issue(
        self, grant_type: str, client: Party, user: Subject | None = None, scope: str | None = None,
        expires_in: int | None = None, include_refresh_token: bool = True,
    ) -> dict[str, Any]:  # fmt: skip
        """The answer of the token endpoint. Raises InvalidScopeError if nothing remains of what was asked."""
        if grant_type == CLIENT:
            scope = client.get_allowed_scope(scope)
            if scope is None or not scopes.of_api(scope.split()):
                raise InvalidScopeError()
            self.granted = self.own_name(client.row, scope.split())
        # a registration may have been narrowed since the grant was given
        wanted = scopes.allowed(scopes.parse(scope), client.row.scopes)
        if not wanted:
            raise InvalidScopeError()
        answer: dict[str, Any] = {
            "token_type": "Bearer",
            "access_token": self.issuer.access_token(client.row, self.granted, wanted),
            "expires_in": client.row.access_token_seconds,
            "scope": " ".join(wanted),
        }
        if include_refresh_token:
            answer["refresh_token"] = secret = tokens.new_secret("nxr")
            self.session.add(
                RefreshToken(
                    token_hash=tokens.hashed(secret),
                    grant_id=self.granted.id,
                    expires_at=await_only(rows.now(self.session)) + grants.REFRESH_LASTS,
                )
            )
        return answer

    def own_name(self, client: Client, granted: list[str]) -> Grant:
        grant = Grant(
            id=new_id("grant"), client_id=client.id, organisation_id=client.organisation_id, scopes=granted,
            methods=[], is_offline=False,
        )  # fmt: skip
        self.session.add(grant)
        self.told(grant)
        await_only(self.session.flush())
        return grant

    def subject(self, grant: Grant) -> Subject | None:
        """Whose grant it is; None if they may not sign in any more."""
        if grant.user_id is None:
            return Subject(grant.client_id)
        person = await_only(directory.user(self.session, grant.user_id))
        return Subject(person.id, person) if person and person.active else None

    def admitted(self, grant: Grant) -> None:
        """Raises InvalidGrantError if its organisation asks for more than its user has shown: they must come anew."""
        if why := await_only(admission.to_grant(self.session, grant)):
            raise InvalidGrantError(f"The grant is not accepted: {why}.")

    def told(self, grant: Grant) -> None:
        """Tells that an application was let in."""
        happened = GrantGiven(
            grant_id=grant.id, client_id=grant.client_id, user_id=grant.user_id, session_id=grant.session_id,
            scopes=grant.scopes,
        )  # fmt: skip
        self.session.record(happened, tenant=Tenant(grant.organisation_id))

    async def revoke(self, because: str, *conditions: ColumnElement[bool]) -> list[Grant]:
        return await revoke(self.session, because, *conditions)


def _without_secret(query_client: Callable[[str], Party | None], request: Any) -> Party | None:
    """A client that keeps no secret, and sends none: Authlib would not look into the header."""
    if "Authorization" in request.headers or "client_secret" in request.payload.data:
        return None
    return query_client(request.payload.client_id) if request.payload.client_id else None


async def revoke(session: Session, because: str, *conditions: ColumnElement[bool]) -> list[Grant]:
    """Ends grants with all their tokens, and tells of each."""
    ended = await rows.revoke(session, because, *conditions)
    for grant in ended:
        happened = GrantRevoked(
            grant_id=grant.id, client_id=grant.client_id, user_id=grant.user_id, session_id=grant.session_id,
            because=because,
        )  # fmt: skip
        session.record(happened, tenant=Tenant(grant.organisation_id))
    return ended
