"""A provider that speaks OpenID Connect: code with PKCE, state and nonce; what it says is believed once it is checked.

Belongs here: the protocol. Does not belong here: who it is that came back (people.py), pages.

Nothing secret of an attempt is kept: nonce and verifier are authentication codes of its id under the home's key. Requests
go through `nexus.egress`, so an issuer leads to no address inside. The provider is known by its issuer, which description,
answer (`iss`, RFC 9207) and token must all name, and answers to an address of its own: no other can answer for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import httpx
import orjson
from authlib.common.errors import AuthlibBaseError
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from api.sso.models import Attempt, Connection
from api.sso.upstream import KNOWN_METHODS, UpstreamError, Vouched, first, several
from nexus import egress
from nexus.errors import NexusError
from nexus.sealing import Sealer
from nexus.settings import Settings

#: Signatures of a public key alone: a token "signed" with the client's secret or with none is none.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA"]
#: Clocks may differ by so many seconds.
SLACK = 60
#: A description and its keys are believed for so long; an unknown key makes us look again at most so often. Seconds.
KEPT, ANEW = 600.0, 10.0
MOST_PROVIDERS = 500
FRESH = 300


@dataclass(slots=True)
class Provider:
    """A provider's description, and its keys."""

    said: Mapping[str, Any]
    keys: KeySet
    read_at: float

    def at(self, endpoint: str) -> str:
        found = self.said.get(endpoint)
        if not isinstance(found, str) or not found.startswith(("https://", "http://")):
            raise UpstreamError("description", f"the provider's description names no {endpoint}")
        return found


class Providers:
    """Descriptions and keys of issuers, kept for a while by one process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[str, Provider] = {}
        self._lock = asyncio.Lock()

    async def get(self, issuer: str, *, not_before: float = 0.0) -> Provider:
        """Raises UpstreamError, RefusedError, ProviderError."""
        async with self._lock:
            found = self._known.get(issuer)
            if found is None or time.monotonic() - found.read_at > KEPT or found.read_at < not_before:
                found = await self._read(issuer)
                self._known[issuer] = found
                while len(self._known) > MOST_PROVIDERS:
                    self._known.pop(next(iter(self._known)))
            return found

    async def renewed(self, issuer: str) -> Provider:
        """Read again, if that was not just now: the provider may have new keys."""
        return await self.get(issuer, not_before=time.monotonic() - ANEW)

    async def _read(self, issuer: str) -> Provider:
        async with egress.client(self._settings, within=8) as http:
            said = await _json(http, "GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration", "description")
            # OpenID Connect Discovery 4.3: else one provider could describe itself as another
            if said.get("issuer") != issuer:
                raise UpstreamError(
                    "description",
                    f"the provider calls itself {str(said.get('issuer'))[:200]!r}, and the connection {issuer!r}",
                    remedy="write the issuer exactly as the provider does",
                )
            made = Provider(said, KeySet([]), time.monotonic())
            keys = await _json(http, "GET", made.at("jwks_uri"), "keys")
        try:
            usable = [k for k in keys.get("keys", []) if k.get("use") != "enc" and k.get("kty") in {"RSA", "EC", "OKP"}]
            made.keys = KeySet.import_key_set({"keys": usable}) if usable else KeySet([])
        except (JoseError, ValueError, AttributeError, TypeError, KeyError):
            raise UpstreamError("keys", "the provider's keys cannot be read") from None
        return made


async def begin(
    providers: Providers, settings: Settings, row: Connection, attempt: Attempt, hint: str, back: str
) -> str:
    """The address to which the browser goes. Raises UpstreamError, RefusedError, ProviderError."""
    provider = await providers.get(row.settings["issuer"])
    said = {
        "response_type": "code",
        "client_id": row.settings["client_id"],
        "redirect_uri": back,
        "scope": " ".join(dict.fromkeys(["openid", *row.settings["scopes"]])),
        "state": attempt.id,
        "nonce": _derived(settings, attempt, "nonce"),
        "code_challenge": create_s256_code_challenge(_derived(settings, attempt, "verifier")),
        "code_challenge_method": "S256",
    }
    if hint:
        said["login_hint"] = hint
    if attempt.is_fresh:
        said |= {"prompt": "login", "max_age": "0"}
    where = provider.at("authorization_endpoint")
    return f"{where}{'&' if '?' in where else '?'}{urlencode(said)}"


async def finish(
    providers: Providers, settings: Settings, row: Connection, attempt: Attempt, answer: Mapping[str, str],
    back: str, secret: str | None,
) -> Vouched:  # fmt: skip
    """Whom the provider vouches for. Raises UpstreamError, RefusedError, ProviderError."""
    issuer = row.settings["issuer"]
    provider = await providers.get(issuer)
    _of_this_provider(provider, issuer, answer)
    if "code" not in answer:
        word = str(answer.get("error", "no code"))[:60]
        raise UpstreamError("provider_refused", f"the provider answered {word!r}")
    async with egress.client(settings, within=8) as http:
        tokens = await _redeemed(http, provider, settings, row, attempt, answer["code"], back, secret)
        claims = await _claims(providers, provider, settings, row, attempt, tokens)
        if first(claims, _emails(row)) is None and "userinfo_endpoint" in provider.said:
            claims = {**await _userinfo(http, provider, tokens, claims["sub"]), **claims}
    at = claims.get("auth_time")
    if attempt.is_fresh and (not isinstance(at, int | float) or abs(time.time() - at) > FRESH):
        raise UpstreamError("not_fresh", "the provider was asked for a fresh proof, and gave none")
    return Vouched(
        subject=str(claims["sub"]),
        email=first(claims, _emails(row)),
        is_email_verified=claims.get("email_verified") is True,
        name=first(claims, [row.mapping.get("name") or "name", "preferred_username"]) or "",
        groups=several(claims.get(row.mapping.get("groups") or "groups")),
        methods=tuple(m for m in claims.get("amr") or [] if isinstance(m, str) and m in KNOWN_METHODS),
        authenticated_at=datetime.fromtimestamp(at, UTC) if isinstance(at, int | float) and 0 < at < 1e11 else None,
    )


def _of_this_provider(provider: Provider, issuer: str, answer: Mapping[str, str]) -> None:
    """RFC 9207: an answer that another provider gave is not this one's (mix-up)."""
    named = answer.get("iss")
    if named is None and provider.said.get("authorization_response_iss_parameter_supported") is not True:
        return
    if named != issuer:
        raise UpstreamError("mix_up", f"the answer is of {str(named)[:200]!r}, not of this connection's provider")


async def _redeemed(
    http: httpx.AsyncClient, provider: Provider, settings: Settings, row: Connection, attempt: Attempt, code: str,
    back: str, secret: str | None,
) -> dict[str, Any]:  # fmt: skip
    body = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": back,
        "code_verifier": _derived(settings, attempt, "verifier"),
    }
    offered = provider.said.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    method = "client_secret_basic" if "client_secret_basic" in offered else "client_secret_post"
    auth = ClientAuth(row.settings["client_id"], secret or "", method if secret else "none")
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    url, headers, content = auth.prepare("POST", provider.at("token_endpoint"), kind, urlencode(body))
    return await _json(http, "POST", url, "token", content=content, headers=headers)


async def _claims(
    providers: Providers, provider: Provider, settings: Settings, row: Connection, attempt: Attempt,
    tokens: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """Of the ID token, once its signature, issuer, audience, nonce and times are right."""
    issuer, client = row.settings["issuer"], row.settings["client_id"]
    token = tokens.get("id_token")
    if not isinstance(token, str):
        raise UpstreamError("token", "the provider gave no ID token", remedy="the scope openid must be allowed there")
    try:
        kid = jws.extract_compact(token.encode()).headers().get("kid")
        if kid is not None and kid not in {k.kid for k in provider.keys}:
            provider = await providers.renewed(issuer)
        decoded = jwt.decode(token, provider.keys, algorithms=ALGORITHMS)
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client}},
            {
                "nonce": _derived(settings, attempt, "nonce"),
                "client_id": client,
                "access_token": tokens.get("access_token"),
            },
        )
        claims.validate(leeway=SLACK)
    except (JoseError, AuthlibBaseError, ValueError, TypeError, KeyError) as error:
        raise UpstreamError("token", f"the provider's ID token is not accepted: {_word(error)}") from None
    if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255:
        raise UpstreamError("token", "the provider's ID token has no usable subject")
    return dict(claims)


async def _userinfo(
    http: httpx.AsyncClient, provider: Provider, tokens: Mapping[str, Any], subject: str
) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {tokens.get('access_token')}"}
    said = await _json(http, "GET", provider.at("userinfo_endpoint"), "userinfo", headers=headers)
    # OpenID Connect Core 5.3.2: it must be about the same person
    if said.get("sub") != subject:
        raise UpstreamError("token", "the provider's user info is about somebody else")
    return said


async def _json(http: httpx.AsyncClient, method: str, url: str, what: str, **request: Any) -> dict[str, Any]:
    try:
        # the answer is read as it comes
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", **request.pop("headers", {})}
        answer = await egress.ask(http, method, url, headers=headers, **request)
    except NexusError as error:
        raise UpstreamError("unreachable", f"the provider's {what} cannot be had: {error.message}") from None
    try:
        said = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        said = None
    if answer.status != 200 or not isinstance(said, dict):
        word = str(said.get("error", ""))[:60] if isinstance(said, dict) else ""
        raise UpstreamError(what, f"the provider's {what} cannot be had: it answers {answer.status} {word}".rstrip())
    return said


def _emails(row: Connection) -> list[str]:
    return [row.mapping.get("email") or "email"]


def _derived(settings: Settings, attempt: Attempt, what: str) -> str:
    return Sealer(settings, f"sso/{what}").mac(attempt.id)


def _word(error: Exception) -> str:
    return str(getattr(error, "description", "") or error or type(error).__name__)[:200]
