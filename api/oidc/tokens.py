"""What tokens say, signing them, and believing one. Pure but for the clock.

Belongs here: claims of access tokens (RFC 9068), ID tokens and logout tokens; checking an access token. Does not belong
here: keys (keys.py), whether its grant still lives (lives.py).
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from authlib.oidc.core.util import create_half_hash
from joserfc import jwt
from joserfc.errors import JoseError

from api.oidc import levels, scopes
from api.oidc.keys import ALGORITHMS, ES256, Ring
from api.oidc.models import Client, Grant

ID_LASTS = timedelta(minutes=10)
LOGOUT_LASTS = timedelta(minutes=2)
ACCESS_TYPE = "at+jwt"
#: Seconds by which clocks of machines that share a database may differ.
SKEW = 5
LONGEST = 8192
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


class InvalidTokenError(Exception):
    """It is not a token of ours that is valid now; the message says why, and nothing of what was in it."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs: the address of this Nexus, and its keys. `api` is the audience of tokens that may do something here."""

    address: str
    ring: Ring

    @property
    def api(self) -> str:
        return f"{self.address}/v1"

    @property
    def userinfo(self) -> str:
        return f"{self.address}/oidc/userinfo"

    def access_token(self, client: Client, grant: Grant, scope: Sequence[str]) -> str:
        now = int(time.time())
        audience = [self.userinfo] if scopes.OPENID in scope else []
        if scopes.of_api(scope):
            audience.append(self.api)
        claims: dict[str, Any] = {
            "iss": self.address,
            "sub": grant.user_id or client.id,
            "aud": audience or [client.id],
            "client_id": client.id,
            "iat": now,
            "exp": now + client.access_token_seconds,
            "jti": secrets.token_urlsafe(16),
            "scope": " ".join(scope),
            "org": grant.organisation_id,
            "grant": grant.id,
        }
        return self._signed(ES256, {**claims, **_authentication(grant)}, ACCESS_TYPE)

    def id_token(self, client: Client, grant: Grant, person: Mapping[str, Any], access_token: str) -> str:
        now = int(time.time())
        algorithm = client.id_token_signed_response_alg
        claims: dict[str, Any] = {
            "iss": self.address,
            "aud": client.id,
            "azp": client.id,
            "iat": now,
            "exp": now + int(ID_LASTS.total_seconds()),
            "at_hash": create_half_hash(access_token, algorithm).decode(),
            **_authentication(grant),
            **person,
        }
        if grant.nonce:
            claims["nonce"] = grant.nonce
        return self._signed(algorithm, claims, "JWT")

    def logout_token(self, client: Client, user_id: str, session_id: str) -> str:
        """OpenID Connect Back-Channel Logout, 2.4."""
        now = int(time.time())
        claims = {
            "iss": self.address, "aud": client.id, "sub": user_id, "sid": session_id, "iat": now,
            "exp": now + int(LOGOUT_LASTS.total_seconds()), "jti": secrets.token_urlsafe(16), "events": {LOGOUT_EVENT: {}},
        }  # fmt: skip
        return self._signed(client.id_token_signed_response_alg, claims, "logout+jwt")

    def _signed(self, algorithm: str, claims: dict[str, Any], kind: str) -> str:
        key = self.ring.private[algorithm]
        return jwt.encode({"alg": algorithm, "kid": str(key.kid), "typ": kind}, claims, key, list(ALGORITHMS))


def _authentication(grant: Grant) -> dict[str, Any]:
    """How the user signed in, and in which browser session."""
    if grant.user_id is None or grant.authenticated_at is None:
        return {}
    said = {
        "auth_time": int(grant.authenticated_at.timestamp()),
        "acr": levels.of(grant.methods),
        "amr": sorted(grant.methods),
    }
    return {**said, "sid": grant.session_id} if grant.session_id else said


def believed(token: str, ring: Ring, issuer: str, kind: str, *, expired: bool = False) -> dict[str, Any]:
    """Claims of a token of this `kind` (its `typ`) that `issuer` has signed. `expired` lets one pass that has run out.

    Raises InvalidTokenError. The algorithm is that of the key that `kid` names, never what the token would like.
    """
    if len(token) > LONGEST:
        raise InvalidTokenError("it is too long")
    try:
        decoded = jwt.decode(token, lambda sent: _key(ring, sent.headers()), list(ALGORITHMS))
    except (JoseError, ValueError, TypeError, KeyError, RecursionError):
        raise InvalidTokenError("it is not signed by a key of this Nexus") from None
    claims = decoded.claims
    if str(decoded.header.get("typ", "")).lower().removeprefix("application/") != kind:
        raise InvalidTokenError("it is a token for something else")
    if claims.get("iss") != issuer:
        raise InvalidTokenError("somebody else has issued it")
    now = time.time()
    begins, ends = claims.get("iat", ""), claims.get("exp", "")
    if not (_is_time(begins) and _is_time(ends) and _is_time(claims.get("nbf", 0))):
        raise InvalidTokenError("it does not say when it is valid")
    if max(begins, claims.get("nbf", 0)) > now + SKEW:
        raise InvalidTokenError("it is not valid yet")
    if ends <= now and not expired:
        raise InvalidTokenError("it has expired")
    return dict(claims)


def access(token: str, issuer: Issuer, audience: str) -> dict[str, Any]:
    """Claims of an access token for `audience`. Raises InvalidTokenError."""
    claims = believed(token, issuer.ring, issuer.address, ACCESS_TYPE)
    meant = claims.get("aud")
    if audience not in (meant if isinstance(meant, list) else [meant]):
        raise InvalidTokenError("it is meant for somebody else")
    if not all(isinstance(claims.get(name), str) for name in ("sub", "client_id", "jti", "scope", "org", "grant")):
        raise InvalidTokenError("it lacks a claim")
    return claims


def _key(ring: Ring, header: Mapping[str, Any]) -> Any:
    key = ring.verifying[str(header["kid"])]
    if header.get("alg") != key.alg or "crit" in header:
        raise ValueError("another algorithm")
    return key


def kid(token: str) -> str | None:
    """Which key a token says it was signed by; believed by nobody yet."""
    from joserfc.jws import extract_compact

    try:
        said = extract_compact(token.encode()).headers().get("kid")
    except (JoseError, ValueError, TypeError, RecursionError):
        return None
    return said if isinstance(said, str) else None


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def new_secret(prefix: str) -> str:
    """A code, token or secret of 256 random bits."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def hashed(secret: str) -> bytes:
    """What is kept of one."""
    return hashlib.sha256(secret.encode()).digest()
