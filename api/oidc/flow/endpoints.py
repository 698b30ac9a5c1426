"""Revocation, introspection, a device's first request, the end of a session: what Authlib asks this house.

Belongs here: bindings. Does not belong here: the rules of RFC 7009, 7662, 8628 and RP-Initiated Logout, which are Authlib's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from authlib.oauth2.rfc6749.errors import InvalidRequestError, InvalidScopeError, UnauthorizedClientError
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oauth2.rfc8628 import DeviceAuthorizationEndpoint
from authlib.oidc.rpinitiated import EndSessionEndpoint
from sqlalchemy.util import await_only

from api.oidc import admission, tokens
from api.oidc.flow.parties import BASIC, DEVICE, POST, PUBLIC, Party
from api.oidc.models import DeviceCode, Grant
from api.oidc.repository import grants as rows
from nexus.db import Session

if TYPE_CHECKING:
    from api.oidc.flow.server import Server


@dataclass(frozen=True, slots=True)
class Shown:
    """A token that somebody shows: of which grant, and (an access token) what it says."""

    grant: Grant
    claims: dict[str, Any] | None
    is_live: bool

    def check_client(self, client: Party) -> bool:
        return self.grant.client_id == client.get_client_id()

    def is_expired(self) -> bool:
        return not self.is_live

    def is_revoked(self) -> bool:
        return not self.is_live


class _Looking:
    """Finds what a token is; which kind its bearer thinks it is of does not matter."""

    server: Server
    CLIENT_AUTH_METHODS = [BASIC, POST, PUBLIC]  # noqa: RUF012

    def check_params(self, request: Any, client: Party) -> None:
        if "token" not in request.form:
            raise InvalidRequestError("A token is needed.")

    def query_token(self, token: str, hint: str | None) -> Shown | None:
        session = self.server.session
        if token.count(".") == 2:
            issuer = self.server.issuer
            try:
                claims = tokens.believed(token, issuer.ring, issuer.address, tokens.ACCESS_TYPE)
            except tokens.InvalidTokenError:
                return None
            grant = await_only(rows.held(session, str(claims.get("grant"))))
            return Shown(grant, claims, await_only(_counts(session, grant))) if grant else None
        row = await_only(rows.refresh_token(session, tokens.hashed(token)))
        if row is None:
            return None
        grant = await_only(rows.held(session, row.grant_id))
        assert grant is not None
        fresh = row.used_at is None and row.expires_at > await_only(rows.now(session))
        return Shown(grant, None, fresh and await_only(_counts(session, grant)))


async def _counts(session: Session, grant: Grant) -> bool:
    return await rows.lives(session, grant) and await admission.to_grant(session, grant) is None


class Revocation(_Looking, RevocationEndpoint):  # type: ignore[misc]
    """Whichever token of a grant is revoked, the others are too."""

    def revoke_token(self, token: Shown, request: Any) -> None:
        await_only(self.server.revoke("client", Grant.id == token.grant.id))


class Introspection(_Looking, IntrospectionEndpoint):  # type: ignore[misc]
    """For clients with a secret: of tokens of their own, and of those of their organisation that are meant for them to check."""

    CLIENT_AUTH_METHODS = [BASIC, POST]  # noqa: RUF012

    def check_permission(self, token: Shown, client: Party, request: Any) -> bool:
        return token.check_client(client) or token.grant.organisation_id == client.row.organisation_id

    def introspect_token(self, token: Shown) -> dict[str, Any]:
        if token.claims is not None:
            return {**token.claims, "active": True, "token_type": "Bearer"}
        grant = token.grant
        return {
            "active": True, "client_id": grant.client_id, "scope": " ".join(grant.scopes),
            "sub": grant.user_id or grant.client_id, "iss": self.server.issuer.address, "org": grant.organisation_id,
        }  # fmt: skip


class DeviceAuthorization(DeviceAuthorizationEndpoint):  # type: ignore[misc]
    """Where a device begins."""

    CLIENT_AUTH_METHODS = [BASIC, POST, PUBLIC]  # noqa: RUF012
    EXPIRES_IN = 600

    def authenticate_client(self, request: Any) -> Party:
        client: Party = super().authenticate_client(request)
        if not client.check_grant_type(DEVICE):
            raise UnauthorizedClientError("The client is not registered for devices.")
        if client.get_allowed_scope(request.payload.scope) is None:
            raise InvalidScopeError()
        return client

    def generate_device_code(self) -> str:
        return tokens.new_secret("nxd")

    def get_verification_uri(self) -> str:
        return f"{self.server.issuer.address}/oidc/device"

    def save_device_credential(self, client_id: str, scope: str, data: dict[str, Any]) -> None:
        session = self.server.session
        allowed = self.server.party(client_id).get_allowed_scope(scope)
        lasts = timedelta(seconds=self.EXPIRES_IN)
        session.add(
            DeviceCode(
                code_hash=tokens.hashed(data["device_code"]),
                user_code=data["user_code"],
                client_id=client_id,
                scopes=(allowed or "").split(),
                expires_at=await_only(rows.now(session)) + lasts,
                interval=self.INTERVAL,
            )
        )


class EndSession(EndSessionEndpoint):  # type: ignore[misc]
    """Checks who asks for the end of a session, and where its browser may go then."""

    def get_server_jwks(self) -> Any:
        return self.server.issuer.ring.key_set

    def _validate_id_token_hint(self, id_token_hint: str) -> dict[str, Any]:
        # Authlib's looks at the signature alone: an access token, or an issuer of elsewhere, would pass
        issuer = self.server.issuer
        try:
            return tokens.believed(id_token_hint, issuer.ring, issuer.address, "jwt", expired=True)
        except tokens.InvalidTokenError:
            raise InvalidRequestError("The id_token_hint is not an ID token of this Nexus.") from None

    def end_session(self, end_session_request: Any) -> None:
        """Nothing: the page does, once it knows whose session it is."""
