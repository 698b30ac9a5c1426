"""A provider of OpenID Connect that says whatever a test lets it say: real HTTP, real signatures, any lie."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from nexus.ports import free_port
from tests.api.running import running

CLIENT, SECRET = "nexus", "between us"


class Provider:
    """`person` is what its ID tokens say of whoever comes; `lies` are put over the claims, `description` over discovery."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.key = ECKey.generate_key("P-256", {"kid": "one", "use": "sig", "alg": "ES256"})
        self.published: list[Any] = [self.key]
        self.person: dict[str, Any] = {}
        self.lies: dict[str, Any] = {}
        self.description: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {}
        self.token: str | None = None
        self.sent: list[dict[str, str]] = []
        self.nonce = self.challenge = ""
        self.asked = 0

    def signed(self, key: Any = None, alg: str = "ES256", header: dict[str, Any] | None = None, **more: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": self.address, "aud": CLIENT, "iat": now, "exp": now + 60, "nonce": self.nonce, **self.person,
            **self.lies, **more,
        }  # fmt: skip
        key = key or self.key
        said = {k: v for k, v in {"alg": alg, "kid": key.kid, **(header or {})}.items() if v is not None}
        return str(jwt.encode(said, {k: v for k, v in claims.items() if v is not None}, key, algorithms=[alg]))


def _app(provider: Provider) -> FastAPI:
    app = FastAPI()

    @app.get("/.well-known/openid-configuration")
    async def description() -> dict[str, Any]:
        at = provider.address
        return {
            "issuer": at, "authorization_endpoint": f"{at}/authorize", "token_endpoint": f"{at}/token",
            "jwks_uri": f"{at}/jwks", "authorization_response_iss_parameter_supported": True, **provider.description,
        }  # fmt: skip

    @app.get("/jwks")
    async def jwks() -> dict[str, Any]:
        provider.asked += 1
        return {"keys": [k.as_dict(private=False) for k in provider.published]}

    @app.post("/token")
    async def token(request: Request) -> JSONResponse:
        said = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        provider.sent.append({**said, "authorization": request.headers.get("authorization", "")})
        if create_s256_code_challenge(said["code_verifier"]) != provider.challenge:
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse(
            {"access_token": "at", "token_type": "Bearer", "id_token": provider.token or provider.signed()}
        )

    @app.get("/userinfo")
    async def userinfo() -> dict[str, Any]:
        return provider.userinfo

    return app


@contextmanager
def served() -> Iterator[Provider]:
    port = free_port()
    provider = Provider(f"http://127.0.0.1:{port}")
    with running(_app(provider), port):
        yield provider


def rsa(kid: str = "two") -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


def shared_secret() -> OctKey:
    """A key made of what both sides know, as an attacker makes one of what is public."""
    return OctKey.import_key(SECRET.ljust(32, "."), {"kid": "one"})
