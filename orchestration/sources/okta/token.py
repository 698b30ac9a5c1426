"""Tokens of an Okta service app, which proves who it is with its private key (private_key_jwt).

Belongs here: the signed assertion and the request that carries it. Does not belong here: when a token is asked for (oauth.py).
https://developer.okta.com/docs/guides/implement-oauth-for-okta-serviceapp/main/
"""

from __future__ import annotations

import base64
import time
import uuid
from typing import Any

import httpx
import orjson

from nexus.errors import InputError
from orchestration.live.oauth import ClientCredentials

SCOPES = ("okta.logs.read", "okta.users.read", "okta.groups.read")
_FOR = 300
_HINT = (
    f"grant the service app {', '.join(SCOPES)} and the role Read-only Administrator; its public key must belong to "
    "`private_key`, and 'Require Demonstrating Proof of Possession (DPoP)' must be off"
)


def service_app(base: str, client_id: str, pem: str, key_id: str | None) -> ClientCredentials:
    """Tokens with the scopes that pulls need. Raises InputError for a key that is no RSA key."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise InputError(f"private_key cannot be read: {error}", remedy="give an unencrypted RSA key as PEM") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise InputError("private_key is no RSA key", remedy="make one of 2048 bits or more for the service app")
    address = f"{base}/oauth2/v1/token"

    def ask() -> httpx.Request:
        now = int(time.time())
        head: dict[str, Any] = {"alg": "RS256", "typ": "JWT"} | ({"kid": key_id} if key_id else {})
        claims = {
            "iss": client_id, "sub": client_id, "aud": address, "iat": now, "exp": now + _FOR, "jti": str(uuid.uuid4()),
        }  # fmt: skip
        signed = f"{_segment(orjson.dumps(head))}.{_segment(orjson.dumps(claims))}"
        signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        form = {
            "grant_type": "client_credentials",
            "scope": " ".join(SCOPES),
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": f"{signed}.{_segment(signature)}",
        }
        return httpx.Request("POST", address, data=form, headers={"Accept": "application/json"})

    return ClientCredentials("Okta", ask, hint=_HINT)


def _segment(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
