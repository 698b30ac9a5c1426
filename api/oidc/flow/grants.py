"""The ways to a token: code with PKCE, refresh token, the client's own name, a device.

Belongs here: what Authlib's grants ask this house. Does not belong here: the rules of RFC 6749, 7636, 8628, which are
Authlib's; statements (repository/grants.py).
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc6749.errors import InvalidGrantError, InvalidRequestError
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc8628 import DeviceCodeGrant
from authlib.oidc.core.grants.code import OpenIDCode
from sqlalchemy.util import await_only

from api.oidc import tokens
from api.oidc.flow.parties import BASIC, POST, PUBLIC, Party, Subject, claims
from api.oidc.models import Code, DeviceCode, Grant, RefreshToken
from api.oidc.repository import grants as rows

if TYPE_CHECKING:
    from api.oidc.flow.server import Server

CODE_LASTS = timedelta(seconds=60)
REFRESH_LASTS = timedelta(days=30)
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


class Challenge(CodeChallenge):  # type: ignore[misc]
    """PKCE, always, by SHA-256: Authlib would let a client do without, or with its verifier in the open."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]  # noqa: RUF012
    CODE_CHALLENGE_METHODS = {"S256": CodeChallenge.CODE_CHALLENGE_METHODS["S256"]}  # noqa: RUF012

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        said = grant.request.payload.data
        if said.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(said.get("code_challenge", "")):
            raise InvalidRequestError("A code_challenge is needed, with code_challenge_method S256.")


class IdToken(OpenIDCode):  # type: ignore[misc]
    """Adds an ID token to an answer whose scope has `openid`."""

    def exists_nonce(self, nonce: str, request: Any) -> bool:
        """Never: whether a nonce comes twice is for the client to notice, who made it."""
        return False

    def encode_id_token(self, token: dict[str, Any], request: Any) -> str:
        server: Server = request.server
        grant = server.granted
        said = claims(request.user.person, token["scope"].split())
        return server.issuer.id_token(request.client.row, grant, said, token["access_token"])

    def process_token(self, grant: Any, response: Any) -> Any:
        grant.request.server = grant.server
        return super().process_token(grant, response)


class _Redeemable:
    """A code or refresh token with its grant, as Authlib wants to see it."""

    def __init__(self, row: Code | RefreshToken | DeviceCode, grant: Grant, subject: Subject) -> None:
        self.row, self.grant, self.subject = row, grant, subject

    @property
    def code_challenge(self) -> str | None:
        return self.row.code_challenge if isinstance(self.row, Code) else None

    code_challenge_method = "S256"

    def get_redirect_uri(self) -> str | None:
        return self.row.redirect_uri if isinstance(self.row, Code) else None

    def get_scope(self) -> str:
        return " ".join(self.grant.scopes)

    def check_client(self, client: Party) -> bool:
        return client.get_client_id() == self.grant.client_id


class _Redeeming:
    """What codes and refresh tokens have in common: work once, and end everything when they come again."""

    server: Server

    def redeemed(self, row: Code | RefreshToken, because: str) -> _Redeemable | None:
        """None, which Authlib answers with invalid_grant, for one that is used up, expired or revoked.

        Raises InvalidGrantError, which says what is asked for, where the organisation has come to ask for more.
        """
        session = self.server.session
        grant = await_only(rows.held(session, row.grant_id))
        assert grant is not None
        if row.used_at is not None:
            await_only(self.server.revoke(because, Grant.id == grant.id))
            return None
        if row.expires_at <= await_only(rows.now(session)) or not await_only(rows.lives(session, grant)):
            return None
        subject = self.server.subject(grant)
        if subject is None:
            return None
        self.server.admitted(grant)
        self.server.granted = grant
        return _Redeemable(row, grant, subject)

    def authenticate_user(self, credential: _Redeemable) -> Subject:
        return credential.subject

    def use(self, credential: _Redeemable) -> None:
        credential.row.used_at = await_only(rows.now(self.server.session))


class AuthorizationCode(_Redeeming, grants.AuthorizationCodeGrant):  # type: ignore[misc]
    """Code + PKCE."""

    TOKEN_ENDPOINT_AUTH_METHODS = [BASIC, POST, PUBLIC]  # noqa: RUF012

    def generate_authorization_code(self) -> str:
        return tokens.new_secret("nxc")

    def save_authorization_code(self, code: str, request: Any) -> None:
        session = self.server.session
        session.add(self.server.granted)
        await_only(session.flush())
        session.add(
            Code(
                code_hash=tokens.hashed(code),
                grant_id=self.server.granted.id,
                redirect_uri=request.payload.redirect_uri,
                code_challenge=request.payload.data["code_challenge"],
                expires_at=await_only(rows.now(session)) + CODE_LASTS,
            )
        )

    def query_authorization_code(self, code: str, client: Party) -> _Redeemable | None:
        row = await_only(rows.code(self.server.session, tokens.hashed(code)))
        found = self.redeemed(row, "code_replayed") if row else None
        return found if found and found.check_client(client) else None

    def delete_authorization_code(self, authorization_code: _Redeemable) -> None:
        """Kept as used: coming again must be noticed."""
        self.use(authorization_code)


class Refresh(_Redeeming, grants.RefreshTokenGrant):  # type: ignore[misc]
    """Rotation: each works once. One that comes again has been stolen, from its owner or by them: the family dies."""

    TOKEN_ENDPOINT_AUTH_METHODS = [BASIC, POST, PUBLIC]  # noqa: RUF012
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> _Redeemable | None:
        row = await_only(rows.refresh_token(self.server.session, tokens.hashed(refresh_token)))
        return self.redeemed(row, "refresh_token_reused") if row else None

    def revoke_old_credential(self, refresh_token: _Redeemable) -> None:
        self.use(refresh_token)


class ClientCredentials(grants.ClientCredentialsGrant):  # type: ignore[misc]
    """An application in its own name."""

    TOKEN_ENDPOINT_AUTH_METHODS = [BASIC, POST]  # noqa: RUF012


class Device(DeviceCodeGrant):  # type: ignore[misc]
    """A device that asks again and again whether somebody has typed its code."""

    TOKEN_ENDPOINT_AUTH_METHODS = [BASIC, POST, PUBLIC]  # noqa: RUF012

    def query_device_credential(self, device_code: str) -> _Waiting:
        session = self.server.session
        row = await_only(rows.device(session, tokens.hashed(device_code)))
        if row is None or row.client_id != self.request.payload.client_id:
            raise InvalidGrantError("There is no such device_code.")
        grant = await_only(rows.held(session, row.grant_id)) if row.grant_id else None
        if row.used_at is not None:
            if grant is not None:
                await_only(self.server.revoke("code_replayed", Grant.id == grant.id))
            raise InvalidGrantError("The device_code has been used.")
        return _Waiting(row, grant, await_only(rows.now(session)))

    def query_user_grant(self, user_code: str) -> tuple[Subject | None, bool] | None:
        waiting = self._waiting
        if waiting.row.decision is None:
            return None
        if waiting.row.decision != "allowed" or waiting.grant is None:
            return None, False
        subject = self.server.subject(waiting.grant)
        if subject is None or not await_only(rows.lives(self.server.session, waiting.grant)):
            raise InvalidGrantError("Whoever allowed it is not signed in any more.")
        self.server.admitted(waiting.grant)
        self.server.granted = waiting.grant
        waiting.row.used_at = waiting.now
        return subject, True

    def validate_device_credential(self, credential: _Waiting) -> Any:
        self._waiting = credential
        return super().validate_device_credential(credential)

    def should_slow_down(self, credential: _Waiting) -> bool:
        row, last = credential.row, credential.row.polled_at
        row.polled_at = credential.now
        if last is None or credential.now - last >= timedelta(seconds=row.interval):
            return False
        # RFC 8628, 3.5: and from now on five seconds more
        row.interval += 5
        return True


class _Waiting:
    """A device's row as Authlib wants to see it."""

    def __init__(self, row: DeviceCode, grant: Grant | None, now: Any) -> None:
        self.row, self.grant, self.now = row, grant, now

    def is_expired(self) -> bool:
        return bool(self.row.expires_at <= self.now)

    def get_client_id(self) -> str:
        return self.row.client_id

    def get_scope(self) -> str:
        return " ".join(self.row.scopes)

    def get_user_code(self) -> str:
        return self.row.user_code
